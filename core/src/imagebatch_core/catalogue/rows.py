"""The rows of a product catalogue, read one by one.

Accepted are UTF-8 with or without BOM, UTF-16 and Windows-1252, any line ending, and comma,
semicolon or tab as the delimiter, which a first line ``sep=;`` may name as in Excel.

The list of image URLs is one cell, or continues unquoted in further fields: if a row is longer than
the header, its surplus fields belong to the URL column, except blank fields at the end if the
header has blank ones there too. :mod:`.url_list` splits the list.

A report can be an input again. The two columns that a report adds are then left out, so that no
column appears twice.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from operator import itemgetter
from typing import BinaryIO, Final, NamedTuple, cast

from imagebatch_core.errors import InputRefused
from imagebatch_core.source_columns import NOTHING_CHOSEN, TableChoice

from .advice import explain_csv_error
from .header import SEPARATOR_LINE, Columns, expected_header, find_columns, find_delimiter
from .plain_rows import Plain, PlainRows
from .text import LineCounter, open_lines
from .url_list import absolute, is_address, no_address, split_list, split_plain

#: Characters of one cell; a longer one is almost always a quote that was never closed.
CELL_LIMIT: Final = 1024 * 1024
#: Number of problems of one row that are listed; further ones are only counted.
PROBLEMS_OF_A_ROW: Final = 100
#: Number of characters to which the entry's text in a problem is cut.
_SHOWN: Final = 200
_NO_IMAGE: Final = "no image URL in this row"


class RowProblem(NamedTuple):
    """A problem of a row: an entry that is not an image URL, or a row without image URLs.

    ``line`` is the 1-based line at which the row starts, ``column`` the 1-based column of the
    entry, ``text`` its text.
    """

    line: int
    column: int
    text: str
    problem: str


class Row(NamedTuple):
    """One product: ``number`` is the 1-based data row, ``line`` the line at which it starts.

    ``listed`` is the text of the URL column, and ``urls`` are its entries. An entry that is not an
    image URL keeps its position in ``urls`` and is a problem. ``problem_count`` counts all problems
    of the row, ``problems`` holds the first 100. ``notice`` is set if there are notices about the
    file up to this row.
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


class RowReader(Iterator[Row]):
    """Iterator over the rows, in input order.

    It raises :class:`InputRefused` with the number of the line from which on the file cannot be
    read as CSV.
    """

    def __init__(
        self,
        lines: LineCounter,
        rows: Iterator[list[str]],
        *,
        joint: str,
        files: bool,
        quote_header: bool,
        chosen: TableChoice,
        plain: Callable[[Columns], PlainRows] | None = None,
    ) -> None:
        """``joint`` is the text that joins the fields of an unquoted list of URLs. ``plain`` counts
        plain rows of ``lines``; without it, none are counted by the block.
        """
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
        self.columns = find_columns(header, self._line, quote=quote_header, chosen=chosen)
        self._own = _picker(self.columns.own)
        self._base = chosen.base_url
        self._simple = not self.columns.foreign and self._base is None
        self._product = ""
        self._group: str | None = None
        self._plain = None if plain is None else plain(self.columns)

    @property
    def notices(self) -> tuple[str, ...]:
        """Notices so far: sentences for people that do not stop the batch."""
        taken = self.columns.notice
        return self._lines.notices if taken is None else (taken, *self._lines.notices)

    def __next__(self) -> Row:
        fields = self._next_fields()
        if fields is None:
            raise StopIteration
        self._number += 1
        return self._row(fields)

    def skip_plain(self, at_most: int | None = None) -> Plain | None:
        """Skip a block of at most ``at_most`` rows that have no problem, and return their counts.

        Return ``None`` if the next row must be read by itself; it may have no problem either.
        """
        if self._plain is None:
            return None
        self._lines.begin_row()
        found = self._plain.skip(at_most)
        if found is not None:
            self._number += found.rows
        return found

    def _next_fields(self) -> list[str] | None:
        """Return the next row that is not blank; spreadsheets write blank rows of bare
        delimiters."""
        while True:
            self._line = self._lines.begin_row()
            try:
                fields = next(self._rows)
            except StopIteration:
                return None
            except csv.Error as error:
                raise InputRefused(explain_csv_error(error, CELL_LIMIT), line=self._line) from error
            if fields and (fields[0].strip() or any(map(str.strip, fields))):
                return fields

    def _row(self, fields: list[str]) -> Row:
        at = self.columns
        cells = [fields[at.urls]] if len(fields) == at.width else self._fit(fields)
        if not self._simple:
            return self._made(fields, *self._from_columns(fields, cells))
        if len(cells) == 1:
            listed = cells[0]
            urls = split_plain(listed, ",")
        else:
            listed = self._joint.join(cells)
            urls = split_plain(listed, self._joint)
            if urls is not None:
                listed = ",".join(urls)
        found = _Found() if urls is None else _Found(urls)
        if urls is None:
            self._split(listed, cells, at.urls + 1, found)
            if not found.urls:
                found.add_problem(RowProblem(self._line, at.urls + 1, "", _NO_IMAGE))
        return self._made(fields, listed, found)

    def _made(self, fields: list[str], listed: str, found: _Found) -> Row:
        at = self.columns
        notice = None
        if self._lines.mended and not self._noticed:
            self._noticed, notice = True, self._lines.notices[0]
        return Row(
            self._number,
            self._line,
            str(self._number) if at.serial is None else fields[at.serial],
            "" if at.product is None else self._product_of(fields),
            listed,
            tuple(found.urls),
            self._own(fields),
            tuple(found.problems),
            found.count,
            notice,
        )

    def _product_of(self, fields: list[str]) -> str:
        """Return the row's product name, or that of the row before if both are of one group."""
        at = self.columns
        assert at.product is not None  # noqa: S101 - the caller has asked
        name = fields[at.product]
        if at.group is None:
            return name
        if name or fields[at.group] != self._group:
            self._product, self._group = name, fields[at.group]
        return self._product

    def _from_columns(self, fields: list[str], cells: list[str]) -> tuple[str, _Found]:
        """Return the list of a row with several columns of URLs, relative ones, or neither."""
        at, found = self.columns, _Found()
        self._split(self._joint.join(cells), cells, at.urls + 1, found)
        for place in at.further:
            self._split(fields[place], [fields[place]], place + 1, found)
        if not (found.urls or at.foreign):
            found.add_problem(RowProblem(self._line, at.urls + 1, "", _NO_IMAGE))
        return ",".join(found.urls), found

    def _fit(self, fields: list[str]) -> list[str]:
        """Cut or fill a row to the width of the header; return the fields of its list of URLs."""
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

    def _split(self, listed: str, cells: Sequence[str], column: int, found: _Found) -> None:
        """Split a list that is not plain, which begins in the 1-based ``column``, and add its
        entries and problems to ``found``."""
        at = end = 0  # of the cells that the list ran on into: the one of an entry, and its end
        for text, start in split_list(listed):
            address = text if self._base is None else absolute(text, self._base)
            found.urls.append(address)
            if is_address(address, files=self._files):
                continue
            problem = None
            if found.count < PROBLEMS_OF_A_ROW:
                while start >= end:
                    end += len(cells[at]) + 1
                    at += 1
                place = column + at - 1
                problem = RowProblem(self._line, place, text[:_SHOWN], no_address(text))
            found.add_problem(problem)


class _Found:
    """The entries of one row, its first problems, and the number of all its problems."""

    __slots__ = ("count", "problems", "urls")

    def __init__(self, urls: list[str] | None = None) -> None:
        self.urls = [] if urls is None else urls
        self.problems: list[RowProblem] = []
        self.count = 0

    def add_problem(self, problem: RowProblem | None) -> None:
        """Count a problem, and list it if it is given."""
        self.count += 1
        if problem is not None:
            self.problems.append(problem)


def _picker(places: tuple[int, ...]) -> Callable[[list[str]], tuple[str, ...]]:
    """Return a function that returns the fields of a row at these positions."""
    if len(places) > 1:
        return cast("Callable[[list[str]], tuple[str, ...]]", itemgetter(*places))
    if places:
        return lambda fields: (fields[places[0]],)
    return lambda _fields: ()


def open_rows(
    stream: BinaryIO,
    *,
    files: bool = False,
    quote_header: bool = False,
    chosen: TableChoice = NOTHING_CHOSEN,
) -> RowReader:
    """Read the header of a CSV and return a reader of its rows.

    ``chosen`` names columns and the base of relative addresses.

    With ``files``, the lists of URLs may contain file names too. With ``quote_header``, a refusal
    repeats the header that was found. Use that only for a file that the user sent: the content of a
    URL that the user named must not be shown, because it may be internal.

    Raises:
        InputRefused: the file is not a CSV of products; the text says why and what to do.
    """
    lines = open_lines(stream)
    csv.field_size_limit(CELL_LIMIT)
    delimiter = find_delimiter(lines.first, chosen)
    # A tab is never part of a URL.
    joint = "\n" if delimiter == "\t" else delimiter
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    return RowReader(
        lines,
        rows,
        joint=joint,
        files=files,
        quote_header=quote_header,
        chosen=chosen,
        plain=partial(PlainRows, lines, delimiter),
    )
