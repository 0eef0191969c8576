"""Read the header of a catalogue: find its columns and the delimiter."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from imagebatch_core.errors import InputRefused

HEADER: Final = ("S. No.", "Product Name", "Input Image Urls")
OUTPUT_COLUMN: Final = "Output Image Urls"
ERROR_COLUMN: Final = "Error"

#: The most columns of a header. Every row is filled up to the header's width, so the width is
#: limited.
COLUMN_LIMIT: Final = 1000
#: Start of the line before the header from which Excel reads the delimiter, as ``sep=;``.
SEPARATOR_LINE: Final = "sep="

_ALIASES: Final = (
    ("sno", "serialnumber", "serialno", "srno", "slno", "serial"),
    ("productname", "product", "name"),
    ("inputimageurls", "inputimageurl", "imageurls", "imageurl", "images"),
)


@dataclass(frozen=True, slots=True)
class Columns:
    """The positions of a header's columns.

    ``serial``, ``product`` and ``urls`` are the known columns. ``own`` are the positions of the
    user's own columns and ``extra`` their names. ``width`` is the number of columns up to the last
    one with a name. ``blank`` columns follow it; spreadsheets pad every row with them.
    """

    serial: int
    product: int
    urls: int
    width: int
    own: tuple[int, ...]
    extra: tuple[str, ...]
    blank: int


def expected_header() -> str:
    """Return the expected header, quoted for a refusal."""
    return "'" + ",".join(HEADER) + "'"


def find_delimiter(header: str) -> str:
    """Return the delimiter of a ``sep=`` line, else the one that yields the most known columns.

    A comma is the default.
    """
    if header.lower().startswith(SEPARATOR_LINE):
        told = header[len(SEPARATOR_LINE) :].strip(" \r\n")
        if told in (",", ";", "\t", "|"):
            return told

    def known(delimiter: str) -> int:
        cells = next(csv.reader([header], delimiter=delimiter), [])
        return sum(_normal(cell) in names for names in _ALIASES for cell in cells)

    return max((",", ";", "\t"), key=known)


def find_columns(header: Sequence[str], line: int, *, quote: bool) -> Columns:
    """Find the columns of a header; a refusal repeats the user's names only with ``quote``.

    Raises:
        InputRefused: a column is missing, the URL column appears twice, or there are too many.
    """
    width = len(header)
    while width and not header[width - 1].strip():
        width -= 1
    header, blank = header[:width], len(header) - width
    if width > COLUMN_LIMIT:
        raise InputRefused(f"the header has more than {COLUMN_LIMIT} columns", line=line)
    normal = [_normal(name) for name in header]
    found: list[int] = []
    missing: list[str] = []
    for wanted, names in zip(HEADER, _ALIASES, strict=True):
        # The official spelling has precedence: a looser one may be a column of the user's own.
        at = next((normal.index(name) for name in names if name in normal), None)
        if at is None:
            missing.append(wanted)
        else:
            found.append(at)
    if missing:
        found_names = ", ".join(repr(name.strip()[:60]) for name in header[:20])
        raise InputRefused(
            f"the header lacks {', '.join(map(repr, missing))}; expected {expected_header()}"
            + (f", found {found_names}" if quote else ""),
            line=line,
        )
    serial, product, urls = found
    if normal.count(normal[urls]) > 1:
        name = header[urls].strip() if quote else HEADER[2]
        raise InputRefused(
            f"the column {name!r} is there twice; write all image URLs of a "
            "product into one cell, separated by commas",
            line=line,
        )
    ours = _added_by_a_report(header)
    own = tuple(i for i in range(width) if i not in found and i not in ours)
    return Columns(serial, product, urls, width, own, tuple(header[i] for i in own), blank)


def _normal(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _added_by_a_report(header: Sequence[str]) -> set[int]:
    """Return the positions of the columns that a report added to its input.

    A report's ``Error`` is the last column of that name; an earlier one is the user's own.
    """
    if OUTPUT_COLUMN not in header:
        return set()
    added = {i for i, name in enumerate(header) if name == OUTPUT_COLUMN}
    errors = [i for i, name in enumerate(header) if name == ERROR_COLUMN]
    return added | set(errors[-1:])
