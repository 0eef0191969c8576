"""Read the header of a catalogue: find its columns and the delimiter."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from imagebatch_core.errors import InputRefused
from imagebatch_core.source_columns import NOTHING_CHOSEN, TableChoice

from .exports import EXPORTS, Export, column_of_letter, plain_name

HEADER: Final = ("S. No.", "Product Name", "Input Image Urls")
OUTPUT_COLUMN: Final = "Output Image Urls"
ERROR_COLUMN: Final = "Error"

#: The most columns of a header. Every row is filled up to the header's width, so the width is
#: limited.
COLUMN_LIMIT: Final = 1000
#: Start of the line before the header from which Excel reads the delimiter, as ``sep=;``.
SEPARATOR_LINE: Final = "sep="

#: What to do about columns of other names, in a refusal.
_CHOOSE: Final = (
    "name them (spec.source.columns.imageUrls; imageUrlColumns of an upload, before its file; "
    "--image-column of local)"
)
_ALIASES: Final = (
    ("sno", "serialnumber", "serialno", "srno", "slno", "serial"),
    ("productname", "product", "name"),
    ("inputimageurls", "inputimageurl", "imageurls", "imageurl", "images"),
)


@dataclass(frozen=True, slots=True)
class Columns:
    """The positions of a header's columns.

    ``urls`` is the column of image URLs, and ``further`` are more such columns, which follow it in
    this order. ``serial`` and ``product`` are ``None`` if the table has no such column. ``own`` are
    the positions of the columns that a report repeats, and ``extra`` their names. ``width`` is the
    number of columns up to the last one with a name. ``blank`` columns follow it; spreadsheets pad
    every row with them. ``group`` is the column of :attr:`.Export.group`.

    In a ``foreign`` table, one that was not made for this program, a row may have no image.
    ``notice`` is a sentence for people that says which of its columns are read.
    """

    serial: int | None
    product: int | None
    urls: int
    width: int
    own: tuple[int, ...]
    extra: tuple[str, ...]
    blank: int
    further: tuple[int, ...] = ()
    group: int | None = None
    foreign: bool = False
    notice: str | None = None


def expected_header() -> str:
    """Return the expected header, quoted for a refusal."""
    return "'" + ",".join(HEADER) + "'"


def find_delimiter(header: str, chosen: TableChoice = NOTHING_CHOSEN) -> str:
    """Return the delimiter of a ``sep=`` line, else the one that yields the most known columns, or
    the most columns if none is known.

    A comma is the default.
    """
    if header.lower().startswith(SEPARATOR_LINE):
        told = header[len(SEPARATOR_LINE) :].strip(" \r\n")
        if told in (",", ";", "\t", "|"):
            return told

    def known(delimiter: str) -> tuple[int, int]:
        cells = next(csv.reader([header], delimiter=delimiter), [])
        plain = {plain_name(cell) for cell in cells}
        standard = sum(name in plain for names in _ALIASES for name in names)
        exports = (len(export.marks) for export in EXPORTS if export.marks <= plain)
        named = sum(plain_name(name) in plain for name in chosen.image_urls)
        return standard + max(exports, default=0) + named, len(cells)

    return max((",", ";", "\t"), key=known)


def find_columns(
    header: Sequence[str], line: int, *, quote: bool, chosen: TableChoice = NOTHING_CHOSEN
) -> Columns:
    """Find the columns of a header; a refusal repeats the user's names only with ``quote``.

    Columns that the user chose have precedence, then the columns of :data:`HEADER`, then those of a
    known export.

    Raises:
        InputRefused: no column has image URLs, a chosen column is not there, the URL column appears
            twice, or there are too many columns.
    """
    width = len(header)
    while width and not header[width - 1].strip():
        width -= 1
    header, blank = header[:width], len(header) - width
    if width > COLUMN_LIMIT:
        raise InputRefused(f"the header has more than {COLUMN_LIMIT} columns", line=line)
    names = _Names(header, line, quote=quote)
    if chosen.image_urls:
        return _chosen(names, chosen, blank)
    normal = names.normal
    # The official spelling has precedence: a looser one may be a column of the user's own.
    found = [
        next((normal.index(name) for name in aliases if name in normal), None)
        for aliases in _ALIASES
    ]
    export = next((one for one in EXPORTS if one.marks <= set(normal)), None)
    serial, product, urls = found
    if export is not None and None in found:
        return _exported(names, export, blank)
    if urls is None:
        raise InputRefused(
            f"no column has the images' URLs; expected {expected_header()}{names.found()}; "
            f"if they are in columns of other names, {_CHOOSE}",
            line=line,
        )
    if normal.count(normal[urls]) > 1:
        name = header[urls].strip() if quote else HEADER[2]
        raise InputRefused(
            f"the column {name!r} is there twice; write all image URLs of a product into one cell, "
            f"separated by commas, or {_CHOOSE}, by their letters",
            line=line,
        )
    ours = _added_by_a_report(header)
    own = tuple(i for i in range(width) if i not in found and i not in ours)
    return Columns(serial, product, urls, width, own, tuple(header[i] for i in own), blank)


class _Names:
    """The names of a header, to be looked up."""

    def __init__(self, header: Sequence[str], line: int, *, quote: bool) -> None:
        self.header = header
        self.normal = [plain_name(name) for name in header]
        self._line = line
        self._quote = quote

    def found(self) -> str:
        """Return the names as the end of a sentence; empty if they must not be repeated."""
        names = ", ".join(repr(name.strip()[:60]) for name in self.header[:20])
        return f", found {names}" if self._quote else ""

    def at(self, wanted: str) -> int:
        """Return the position of a column by its name as it stands, its name without case and
        punctuation, or its letter.

        Raises:
            InputRefused: there is no such column, or the name is there twice.
        """
        stripped = [name.strip() for name in self.header]
        for names, name in ((stripped, wanted.strip()), (self.normal, plain_name(wanted))):
            if name and names.count(name) > 1:
                raise InputRefused(
                    f"the column {wanted!r} is there twice; name it by its letter", line=self._line
                )
            if name and name in names:
                return names.index(name)
        letter = column_of_letter(wanted)
        if letter is not None and letter < len(self.header):
            return letter
        raise InputRefused(
            f"there is no column {wanted!r}{self.found()}; {_CHOOSE}", line=self._line
        )

    def first(self, name: str | None) -> int | None:
        return self.normal.index(name) if name is not None and name in self.normal else None


def _chosen(names: _Names, chosen: TableChoice, blank: int) -> Columns:
    urls = [names.at(name) for name in chosen.image_urls]
    product = None if chosen.product_name is None else names.at(chosen.product_name)
    serial = None if chosen.serial_number is None else names.at(chosen.serial_number)
    return _foreign(names, serial, product, urls, blank, "")


def _exported(names: _Names, export: Export, blank: int) -> Columns:
    urls = [at for name in export.image_urls if (at := names.first(name)) is not None]
    serial, product = names.first(export.serial_number), names.first(export.product_name)
    text = f"this is an export of {export.name}: "
    return _foreign(names, serial, product, urls, blank, text, names.first(export.group))


def _foreign(  # noqa: PLR0917 - called by its two neighbours
    names: _Names,
    serial: int | None,
    product: int | None,
    urls: Sequence[int],
    blank: int,
    text: str,
    group: int | None = None,
) -> Columns:
    """Return the columns of a table of others, of which a report repeats all."""

    def quoted(at: int) -> str:
        return repr(names.header[at].strip()[:60])

    ours = _added_by_a_report(names.header)
    own = tuple(at for at in range(len(names.header)) if at not in ours)
    text += f"image URLs are read from {', '.join(map(quoted, urls))}"
    text += f", product names from {quoted(product)}" if product is not None else ""
    text += f", serial numbers from {quoted(serial)}" if serial is not None else ""
    return Columns(
        serial,
        product,
        urls[0],
        len(names.header),
        own,
        tuple(names.header[at] for at in own),
        blank,
        further=tuple(urls[1:]),
        group=group,
        foreign=True,
        notice=text[:500],
    )


def _added_by_a_report(header: Sequence[str]) -> set[int]:
    """Return the positions of the columns that a report added to its input.

    A report's ``Error`` is the last column of that name; an earlier one is the user's own.
    """
    if OUTPUT_COLUMN not in header:
        return set()
    added = {i for i, name in enumerate(header) if name == OUTPUT_COLUMN}
    errors = [i for i, name in enumerate(header) if name == ERROR_COLUMN]
    return added | set(errors[-1:])
