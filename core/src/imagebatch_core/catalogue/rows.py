"""The product CSV, read row by row as a stream.

Accepted: UTF-8 with or without BOM, UTF-16, any line ending, comma, semicolon or tab as the
delimiter, also as Excel names it in a first line ``sep=;``. The list of image URLs is one cell,
separated by commas or line breaks (``"u1,u2"``), or runs on unquoted into further fields of its
row: the surplus of a row that is longer than the header belongs to the URL column, but for blank
fields where the header has some at its end as well.

A report may be an input again: the two columns that it adds are left out then, so that there are no
two of a name.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

from imagebatch_core.errors import InputRefused

from .header import SEPARATOR_LINE, expected_header, find_columns, find_delimiter
from .text import open_text

#: Characters of one cell; a longer one is almost always a quote that was never closed.
CELL_LIMIT: Final = 1024 * 1024
#: Characters of one row, room for some 20,000 URLs: what is held at once stays bounded.
ROW_LIMIT: Final = 4 * 1024 * 1024


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
        if header is not None and header[0].strip().lower() == SEPARATOR_LINE:
            header = self._next_fields()
        if header is None:
            raise InputRefused(
                "the file is empty; the first line must be the header " + expected_header()
            )
        self.columns = find_columns(header, self._line)

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
    text, first = open_text(stream)
    csv.field_size_limit(CELL_LIMIT)
    return RowReader(text, find_delimiter(first))


def _explain(error: csv.Error) -> str:
    text = str(error)
    if "unexpected end of data" in text:
        return 'a quote (") is opened here and never closed'
    if "field larger than" in text:
        return f'a cell is longer than {CELL_LIMIT} characters; is a quote (") not closed?'
    if "expected after" in text:
        return 'text follows a closing quote ("); double a quote that belongs to the text ("")'
    return text
