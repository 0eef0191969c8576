"""The product CSV, read as a stream.

Accepted: UTF-8 with or without BOM, UTF-16, any line ending, comma, semicolon or tab, also as Excel
names it in a first line ``sep=;``. The list of image URLs is one cell, separated by commas or line
breaks (``"u1,u2"``), or runs on unquoted into further fields of its row: a row
that is longer than the header gives its surplus to the URL column, but for blank fields where the
header has some at its end as well.

A report may be an input again: the two columns that it adds are left out then, so that there are no
two of a name.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final, NamedTuple

from .csv_advice import advice_for_bytes, advice_for_text
from .errors import InputRefused

HEADER: Final = ("S. No.", "Product Name", "Input Image Urls")
OUTPUT_COLUMN: Final = "Output Image Urls"
ERROR_COLUMN: Final = "Error"

#: Characters of one cell; a longer one is almost always a quote that was never closed.
CELL_LIMIT: Final = 1024 * 1024
#: Characters of one row, room for some 20,000 URLs: what is held at once stays bounded.
ROW_LIMIT: Final = 4 * 1024 * 1024
#: Columns of the header. Every row is filled up to it, however short it is in the file.
COLUMN_LIMIT: Final = 1000
_SNIFF_BYTES: Final = 64 * 1024
#: How Excel is told the delimiter: a line before the header.
_SEPARATOR_LINE: Final = "sep="

_ALIASES: Final = (
    ("sno", "serialnumber", "serialno", "srno", "slno", "serial"),
    ("productname", "product", "name"),
    ("inputimageurls", "inputimageurl", "imageurls", "imageurl", "images"),
)


@dataclass(frozen=True, slots=True)
class Columns:
    """Where the three known columns stand, and where and under which names the user's own ones.

    ``blank`` columns without a name follow the ``width``; spreadsheets pad every row with them.
    """

    serial: int
    product: int
    urls: int
    width: int
    own: tuple[int, ...]
    extra: tuple[str, ...]
    blank: int


class Row(NamedTuple):
    """One product: ``number`` is the 1-based data row, ``line`` the line it starts at."""

    number: int
    line: int
    serial: str
    product: str
    urls: tuple[str, ...]
    extra: tuple[str, ...]
    problem: str | None = None


class RowReader(Iterator[Row]):
    """Rows in input order, one at a time.

    Raises :class:`InputRefused` with the line where the file stops being a CSV.
    """

    def __init__(self, text: io.TextIOBase, delimiter: str) -> None:
        self._csv = csv.reader(self._bounded(text), delimiter=delimiter, strict=True)
        self._number = 0
        header = self._next_fields()
        if header is not None and header[0].strip().lower() == _SEPARATOR_LINE:
            header = self._next_fields()
        if header is None:
            raise InputRefused(
                "the file is empty; the first line must be the header " + _expected()
            )
        self.columns = _columns(header, self._line)

    def __next__(self) -> Row:
        fields = self._next_fields()
        if fields is None:
            raise StopIteration
        self._number += 1
        return self._row(fields)

    def _next_fields(self) -> list[str] | None:
        """The next row with anything in it; spreadsheets leave rows of bare delimiters behind."""
        while True:
            self._line = self._csv.line_num + 1
            self._held = 0
            try:
                fields = next(self._csv)
            except StopIteration:
                return None
            except UnicodeDecodeError as error:
                # Text is decoded in pieces: the lines read so far, then those of this piece.
                before = error.object[: error.start].count(b"\n")
                raise InputRefused(
                    f"the text is not valid {error.encoding}; save the file as CSV UTF-8",
                    line=self._csv.line_num + 1 + before,
                ) from error
            except csv.Error as error:
                raise InputRefused(_explain(error), line=self._line) from error
            if any(map(str.strip, fields)):
                return fields

    def _bounded(self, text: io.TextIOBase) -> Iterator[str]:
        """The file's lines; those of one row, which may be several, within :data:`ROW_LIMIT`."""
        readline = text.readline
        while line := readline(ROW_LIMIT + 1):
            self._held += len(line)
            if self._held > ROW_LIMIT:
                raise InputRefused(
                    f'a row is longer than {ROW_LIMIT} characters; is a quote (") not closed, '
                    "or is this no CSV?",
                    line=self._line,
                )
            yield line

    def _row(self, fields: list[str]) -> Row:
        at = self.columns
        for _ in range(min(at.blank, len(fields) - at.width)):
            if fields[-1].strip():
                break
            fields.pop()
        surplus = len(fields) - at.width
        if surplus > 0:
            cells = fields[at.urls : at.urls + surplus + 1]
            del fields[at.urls + 1 : at.urls + surplus + 1]
        else:
            if surplus < 0:
                fields += [""] * -surplus
            cells = [fields[at.urls]]
        urls = tuple(
            [
                u
                for cell in cells
                for part in cell.replace("\n", ",").split(",")
                if (u := part.strip())
            ]
        )
        return Row(
            number=self._number,
            line=self._line,
            serial=fields[at.serial].strip(),
            product=fields[at.product].strip(),
            urls=urls,
            extra=tuple([fields[i] for i in at.own]),
            problem=None if urls else "no image URL in this row",
        )


def open_rows(stream: BinaryIO) -> RowReader:
    """Read the header; the rows follow on demand.

    Raises:
        InputRefused: the file is no such CSV; the text says why and what to do.
    """
    raw = io.BufferedReader(_Raw(stream), buffer_size=_SNIFF_BYTES)
    head = raw.peek(_SNIFF_BYTES)
    encoding = _encoding(head)
    first = _first_line(head, encoding)
    text = io.TextIOWrapper(raw, encoding=encoding, newline="")
    csv.field_size_limit(CELL_LIMIT)
    return RowReader(text, _delimiter(first))


class _Raw(io.RawIOBase):
    """Any object with ``read`` as a raw stream, for BufferedReader to peek into."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # stub says Buffer
        """As full as can be: what the file is, is told by its first :data:`_SNIFF_BYTES`, also
        where the stream gives them in small pieces."""
        count = 0
        while count < len(buffer):
            chunk = self._left or bytes(self._stream.read(len(buffer) - count) or b"")
            if not chunk:
                break
            taken = min(len(chunk), len(buffer) - count)
            buffer[count : count + taken] = chunk[:taken]
            self._left = chunk[taken:]
            count += taken
        return count


def _encoding(head: bytes) -> str:
    advice = advice_for_bytes(head)
    if advice is not None:
        raise InputRefused(advice)
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    # Without a mark: ASCII text in UTF-16 has a NUL in every other byte.
    if head[1:2] == b"\0" and head[:1] != b"\0":
        return "utf-16-le"
    if head[:1] == b"\0" and head[1:2] != b"\0" and len(head) > 1:
        return "utf-16-be"
    if b"\0" in head[:1024]:
        raise InputRefused("this is a binary file, not a CSV; save the table as CSV UTF-8")
    return "utf-8"


def _first_line(head: bytes, encoding: str) -> str:
    text = head.decode(encoding, errors="ignore").lstrip("\ufeff")
    advice = advice_for_text(text)
    if advice is not None:
        raise InputRefused(advice)
    return next((line for line in re.split(r"\r\n|\r|\n", text) if line.strip()), "")


def _delimiter(header: str) -> str:
    """The one that splits the header into columns we know; a comma when none does."""

    if header.lower().startswith(_SEPARATOR_LINE):
        told = header[len(_SEPARATOR_LINE) :].strip(" \r\n")
        if told in (",", ";", "\t", "|"):
            return told

    def known(delimiter: str) -> int:
        cells = next(csv.reader([header], delimiter=delimiter), [])
        return sum(_normal(cell) in names for names in _ALIASES for cell in cells)

    return max((",", ";", "\t"), key=known)


def _normal(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _columns(header: Sequence[str], line: int) -> Columns:
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
        # The official spelling wins over a looser one that may be a column of the user's own.
        at = next((normal.index(name) for name in names if name in normal), None)
        if at is None:
            missing.append(wanted)
        else:
            found.append(at)
    if missing:
        raise InputRefused(
            f"the header lacks {', '.join(repr(m) for m in missing)}; expected {_expected()}, "
            f"found {', '.join(repr(h.strip()[:60]) for h in header[:20])}",
            line=line,
        )
    serial, product, urls = found
    if normal.count(normal[urls]) > 1:
        raise InputRefused(
            f"the column {header[urls].strip()!r} is there twice; write all image URLs of a "
            "product into one cell, separated by commas",
            line=line,
        )
    ours = _added_by_a_report(header)
    own = tuple(i for i in range(width) if i not in found and i not in ours)
    return Columns(serial, product, urls, width, own, tuple(header[i] for i in own), blank)


def _added_by_a_report(header: Sequence[str]) -> set[int]:
    """Columns that a report has beside its input's. Its ``Error`` is the last of that name: an
    earlier one is the user's own."""
    if OUTPUT_COLUMN not in header:
        return set()
    added = {i for i, name in enumerate(header) if name == OUTPUT_COLUMN}
    errors = [i for i, name in enumerate(header) if name == ERROR_COLUMN]
    return added | set(errors[-1:])


def _expected() -> str:
    return "'" + ",".join(HEADER) + "'"


def _explain(error: csv.Error) -> str:
    text = str(error)
    if "unexpected end of data" in text:
        return 'a quote (") is opened here and never closed'
    if "field larger than" in text:
        return f'a cell is longer than {CELL_LIMIT} characters; is a quote (") not closed?'
    if "expected after" in text:
        return 'text follows a closing quote ("); double a quote that belongs to the text ("")'
    return text


#: Cells that begin so are run as formulas by spreadsheets (OWASP ASVS 5.0, 1.2.10).
_FORMULA_START: Final = ("=", "+", "-", "@", "\t", "\r", "\0")


def neutralise_cell(text: str) -> str:
    """Prefix ``'`` to a cell that a spreadsheet would run as a formula."""
    return "'" + text if text.startswith(_FORMULA_START) else text
