"""The rows of a product catalogue, read one by one.

Accepted: UTF-8 with or without BOM, UTF-16, Windows-1252, any line ending, comma, semicolon or tab
as the delimiter, also as Excel names it in a first line ``sep=;``. The list of image URLs is one
cell, or runs on unquoted into further fields of its row: the surplus of a row that is longer than
the header belongs to the URL column, but for blank fields where the header has some at its end as
well. :mod:`.url_list` has the rule that splits the list.

A report may be an input again: the two columns that it adds are left out then, so that there are no
two of a name.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import BinaryIO, Final, NamedTuple, Protocol, cast

from imagebatch_core.errors import InputRefused

from .header import SEPARATOR_LINE, expected_header, find_columns, find_delimiter
from .text import open_lines
from .url_list import is_address, no_address, split_list, split_plain

#: Characters of one cell; a longer one is almost always a quote that was never closed.
CELL_LIMIT: Final = 1024 * 1024
#: Problems of one row that are told one by one.
PROBLEMS_OF_A_ROW: Final = 100
#: Characters of an entry that a problem repeats.
_SHOWN: Final = 200


class RowProblem(NamedTuple):
    """Something in a row that is no address, or that there is none.

    ``line`` is the 1-based line at which the row starts, ``column`` the 1-based field of the row,
    ``text`` what stands there.
    """

    line: int
    column: int
    text: str
    problem: str


class Row(NamedTuple):
    """One product: ``number`` is the 1-based data row, ``line`` the line at which it starts.

    ``listed`` is the text of the URL column, which ``urls`` are the entries of. An entry that is no
    address keeps its position among them, and is a problem: ``problem_count`` counts all,
    ``problems`` holds the first 100. ``notice`` tells of something that was noticed up to this row,
    and is no problem.
    """

    number: int
    line: int
    serial: str
    product: str
    listed: str
    urls: tuple[str, ...]
    extra: tuple[str, ...]
    problems: tuple[RowProblem, ...] = ()
    problem_count: int = 0
    notice: str | None = None


class LineCounter(Protocol):
    """What :class:`RowReader` asks of the place that its rows of fields come from."""

    @property
    def mended(self) -> int:
        """The lines so far that were read as another encoding."""
        ...

    @property
    def notices(self) -> tuple[str, ...]:
        """What was noticed so far and stops nothing; sentences for people."""
        ...

    def begin_row(self) -> int:
        """Say that another row is asked for next. Returns the number of its first line."""
        ...


class RowReader(Iterator[Row]):
    """Rows in input order, one at a time.

    Raises :class:`InputRefused` with the line where the file stops being a CSV.
    """

    def __init__(
        self,
        lines: LineCounter,
        rows: Iterator[list[str]],
        *,
        joint: str,
        files: bool,
        quote_header: bool,
    ) -> None:
        """``joint`` joins the fields that a list of URLs ran on into."""
        self._lines = lines
        self._rows = rows
        self._joint = joint
        self._files = files
        self._number = 0
        self._noticed = False
        header = self._next_fields()
        if header is not None and header[0].strip().lower() == SEPARATOR_LINE:
            header = self._next_fields()
        if header is None:
            raise InputRefused(
                "the file is empty; the first line must be the header " + expected_header()
            )
        self.columns = find_columns(header, self._line, quote=quote_header)
        self._own = _picker(self.columns.own)

    @property
    def notices(self) -> tuple[str, ...]:
        """What was noticed so far and stops nothing; sentences for people."""
        return self._lines.notices

    def __next__(self) -> Row:
        fields = self._next_fields()
        if fields is None:
            raise StopIteration
        self._number += 1
        return self._row(fields)

    def _next_fields(self) -> list[str] | None:
        """The next row with anything in it; spreadsheets leave rows of bare delimiters behind."""
        while True:
            self._line = self._lines.begin_row()
            try:
                fields = next(self._rows)
            except StopIteration:
                return None
            except csv.Error as error:
                raise InputRefused(_explain(error), line=self._line) from error
            if fields and (fields[0].strip() or any(map(str.strip, fields))):
                return fields

    def _row(self, fields: list[str]) -> Row:
        at = self.columns
        cells = [fields[at.urls]] if len(fields) == at.width else self._fit(fields)
        if len(cells) == 1:
            listed = cells[0]
            urls = split_plain(listed, ",")
        else:
            listed = self._joint.join(cells)
            urls = split_plain(listed, self._joint)
            if urls is not None:
                listed = ",".join(urls)
        problems: tuple[RowProblem, ...] = ()
        problem_count = 0
        if urls is None:
            urls, problems, problem_count = self._split(listed, cells)
        notice = None
        if self._lines.mended and not self._noticed:
            self._noticed, notice = True, self._lines.notices[0]
        return Row(
            self._number,
            self._line,
            fields[at.serial],
            fields[at.product],
            listed,
            tuple(urls),
            self._own(fields),
            problems,
            problem_count,
            notice,
        )

    def _fit(self, fields: list[str]) -> list[str]:
        """Make a row as long as the header; the fields that its list of URLs took up."""
        at = self.columns
        for _ in range(min(at.blank, len(fields) - at.width)):
            if fields[-1].strip():
                break
            fields.pop()
        surplus = len(fields) - at.width
        fields += [""] * -surplus
        cells = fields[at.urls : at.urls + max(surplus, 0) + 1]
        del fields[at.urls + 1 : at.urls + len(cells)]
        return cells

    def _split(
        self, listed: str, cells: Sequence[str]
    ) -> tuple[list[str], tuple[RowProblem, ...], int]:
        """The entries of a list that is not plain; the first problems, and how many there are."""
        column = self.columns.urls + 1
        urls: list[str] = []
        problems: list[RowProblem] = []
        count = 0
        at = end = 0  # of the cells that the list ran on into: the one of an entry, and its end
        for text, start in split_list(listed):
            urls.append(text)
            if is_address(text, files=self._files):
                continue
            count += 1
            if len(problems) < PROBLEMS_OF_A_ROW:
                while start >= end:
                    end += len(cells[at]) + 1
                    at += 1
                shown = text[:_SHOWN]
                place = column + at - 1
                problems.append(RowProblem(self._line, place, shown, no_address(text)))
        if not urls:
            problems.append(RowProblem(self._line, column, "", "no image URL in this row"))
            count = 1
        return urls, tuple(problems), count


def _picker(places: tuple[int, ...]) -> Callable[[list[str]], tuple[str, ...]]:
    """Takes the fields at some places of a row."""
    if len(places) > 1:
        return cast("Callable[[list[str]], tuple[str, ...]]", itemgetter(*places))
    if places:
        return lambda fields: (fields[places[0]],)
    return lambda _fields: ()


def open_rows(stream: BinaryIO, *, files: bool = False, quote_header: bool = False) -> RowReader:
    """Read the header; the rows follow on demand.

    With ``files``, the list of a row may name files as well. ``quote_header`` lets a refusal repeat
    the header that it found: only for whoever sent the file, since the answer of an address may be
    none of the reader's business.

    Raises:
        InputRefused: the file is no such CSV; the text says why and what to do.
    """
    lines = open_lines(stream)
    csv.field_size_limit(CELL_LIMIT)
    delimiter = find_delimiter(lines.first)
    # A tab is never meant as a part of an address.
    joint = "\n" if delimiter == "\t" else delimiter
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    return RowReader(lines, rows, joint=joint, files=files, quote_header=quote_header)


def _explain(error: csv.Error) -> str:
    text = str(error)
    if "unexpected end of data" in text:
        return 'a quote (") is opened here and never closed'
    if "field larger than" in text:
        return f'a cell is longer than {CELL_LIMIT} characters; is a quote (") not closed?'
    if "expected after" in text:
        return 'text follows a closing quote ("); double a quote that belongs to the text ("")'
    return text
