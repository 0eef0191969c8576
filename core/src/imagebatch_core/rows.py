"""The product CSV, read as a stream.

Accepted: UTF-8 with or without BOM, UTF-16, any line ending, comma, semicolon or tab. The list of
image URLs is one cell (``"u1,u2"``), or runs on unquoted into further fields of its row: a row
that is longer than the header gives its surplus to the URL column.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final, NamedTuple

from .errors import InputRefused

HEADER: Final = ("S. No.", "Product Name", "Input Image Urls")
OUTPUT_COLUMN: Final = "Output Image Urls"
ERROR_COLUMN: Final = "Error"

#: Characters of one cell; a longer one is almost always a quote that was never closed.
CELL_LIMIT: Final = 1024 * 1024
_SNIFF_BYTES: Final = 64 * 1024

_ALIASES: Final = (
    ("sno", "serialnumber", "serialno", "srno", "slno", "serial"),
    ("productname", "product", "name"),
    ("inputimageurls", "inputimageurl", "imageurls", "imageurl", "images"),
)

_ADVICE: Final = (
    (b"PK\x03\x04", "this is a spreadsheet (.xlsx) or a .zip file; save it as CSV first"),
    (b"\xd0\xcf\x11\xe0", "this is an old Excel file (.xls); save it as CSV first"),
    (b"%PDF", "this is a PDF; export the table as CSV"),
    (b"\x1f\x8b", "this is a gzip file; unpack it first"),
    (b"\xff\xd8\xff", "this is a JPEG image, not a CSV of image URLs"),
    (b"\x89PNG", "this is a PNG image, not a CSV of image URLs"),
)


@dataclass(frozen=True, slots=True)
class Columns:
    """Where the three known columns stand, and the names of the user's own ones."""

    serial: int
    product: int
    urls: int
    width: int
    extra: tuple[str, ...]


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
        self._csv = csv.reader(text, delimiter=delimiter, strict=True)
        self._number = 0
        header = self._next_fields()
        if header is None:
            raise InputRefused(
                "the file is empty; the first line must be the header " + _expected()
            )
        self.columns = at = _columns(header, self._line)
        self._own = [i for i in range(at.width) if i not in (at.serial, at.product, at.urls)]

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

    def _row(self, fields: list[str]) -> Row:
        at = self.columns
        surplus = len(fields) - at.width
        if surplus > 0:
            cells = fields[at.urls : at.urls + surplus + 1]
            del fields[at.urls + 1 : at.urls + surplus + 1]
        else:
            if surplus < 0:
                fields += [""] * -surplus
            cells = [fields[at.urls]]
        urls = tuple([u for cell in cells for part in cell.split(",") if (u := part.strip())])
        return Row(
            number=self._number,
            line=self._line,
            serial=fields[at.serial].strip(),
            product=fields[at.product].strip(),
            urls=urls,
            extra=tuple([fields[i] for i in self._own]),
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
        chunk = self._left or bytes(self._stream.read(len(buffer)) or b"")
        count = min(len(chunk), len(buffer))
        buffer[:count] = chunk[:count]
        self._left = chunk[count:]
        return count


def _encoding(head: bytes) -> str:
    for magic, advice in _ADVICE:
        if head.startswith(magic):
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
    if re.match(r"\s*<(!doctype|html|\?xml|svg)", text, re.IGNORECASE):
        raise InputRefused("this is a web page or XML, not a CSV; download the CSV itself")
    return next((line for line in re.split(r"\r\n|\r|\n", text) if line.strip()), "")


def _delimiter(header: str) -> str:
    """The one that splits the header into columns we know; a comma when none does."""

    def known(delimiter: str) -> int:
        cells = next(csv.reader([header], delimiter=delimiter), [])
        return sum(_normal(cell) in names for names in _ALIASES for cell in cells)

    return max((",", ";", "\t"), key=known)


def _normal(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _columns(header: Sequence[str], line: int) -> Columns:
    while header and not header[-1].strip():
        header = header[:-1]
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
    extra = tuple(name for i, name in enumerate(header) if i not in found)
    return Columns(serial, product, urls, len(header), extra)


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
