"""Count the rows of a CSV by the block, where nothing is to be said about any of them.

A row is plain if its list of image URLs is one that :func:`.url_list.split_plain` splits. Most
catalogues consist of such rows. A block of them is counted with a few passes over its text, in a
fraction of the time that it takes to make a :class:`.rows.Row` of each.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from .header import Columns
from .text import ROW_LIMIT, Lines
from .url_list import FETCHED

if TYPE_CHECKING:
    from _csv import Reader

#: Characters of the largest block. A smaller one is tried after a block that is not plain.
LARGEST: Final = 64 * 1024
SMALLEST: Final = 4 * 1024
#: Characters that are left to the reader of single rows after a block that is not plain. The number
#: doubles with each such block in a row, because trying one costs as much as reading it.
_LONGEST_PAUSE: Final = 1024 * 1024


class Plain(NamedTuple):
    """Plain rows, one after the other: how many they are, and the number of their images."""

    rows: int
    images: int


class _Block(NamedTuple):
    """A block that was read: the lists of URLs of its rows, if these are where they are expected,
    and the numbers of its rows and lines.
    """

    lists: list[str] | None
    rows: int
    lines: int


class PlainRows:
    """Counts plain rows of ``lines``, whose header has been read."""

    def __init__(self, lines: Lines, delimiter: str, columns: Columns) -> None:
        self._lines = lines
        self._delimiter = delimiter
        self._columns = columns
        self._size = LARGEST
        self._pause = SMALLEST
        self._resume = 0
        #: Whether each row of the last block was one line, with as many fields as the header.
        self._single = True
        self._even = True

    def skip(self, at_most: int | None) -> Plain | None:
        """Skip and count a block of at most ``at_most`` rows, all of them plain.

        Return ``None`` if there is none here. Call it only between two rows.
        """
        lines = self._lines
        # A row without a product name may take that of the row before it, which must be read then.
        if self._columns.group is not None or lines.taken < self._resume:
            return None
        lines_ahead = lines.peek(self._size)
        block = _whole_rows(lines_ahead)
        if not block:
            self._resume = lines.taken + len(lines_ahead)
            return None
        found = self._counted(block) if len(block) <= ROW_LIMIT else None
        if found is None or (at_most is not None and found[0].rows > at_most):
            self._resume = lines.taken + self._pause
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
            self._size = SMALLEST
            return None
        plain, lines_read = found
        lines.skip(len(block), lines_read)
        self._pause = SMALLEST
        self._size = min(4 * self._size, LARGEST)
        return plain

    def _counted(self, block: str) -> tuple[Plain, int] | None:
        """Return the rows of a block and the number of its lines, if all its rows are plain."""
        try:
            read = self._read_lines(block) or self._read(block)
        except csv.Error:
            return None  # among others if the block ends within quotes
        images = None if read.lists is None else _count(read.lists)
        return None if images is None else (Plain(read.rows, images), read.lines)

    def _read_lines(self, block: str) -> _Block | None:
        """Read a block in which each line is one row; return ``None`` for any other.

        This is the faster way. It does not see line ends within a row as they are.
        """
        if not self._single or ("\r" in block and block.count("\r") != block.count("\r\n")):
            return None
        at = self._columns
        lines = block.split("\n")
        if not lines[-1]:
            lines.pop()
        count = len(lines)
        if self._even and not at.foreign:
            width, place = at.width, at.urls
            # No list of all rows: each would be kept, and that takes as long as reading it.
            lists = [row[place] for row in self._reader(lines) if len(row) == width]
            if len(lists) == count:
                return _Block(lists, count, count)
        rows = list(self._reader(lines))
        self._even = all(len(row) == at.width for row in rows)
        self._single = len(rows) == count
        return _Block(self._lists(rows), count, count) if self._single else None

    def _read(self, block: str) -> _Block:
        reader = self._reader(io.StringIO(block, newline=""))
        rows = list(reader)
        self._single = len(rows) == reader.line_num
        return _Block(self._lists(rows), len(rows), reader.line_num)

    def _reader(self, lines: Iterable[str]) -> Reader:
        return csv.reader(lines, delimiter=self._delimiter, strict=True)

    def _lists(self, rows: Sequence[list[str]]) -> list[str] | None:
        """Return the lists of URLs of rows; ``None`` if it takes more to find them."""
        at = self._columns
        widths = set(map(len, rows))
        if widths == {at.width}:
            if not at.foreign:
                return [row[at.urls] for row in rows]
            if any(not (row[at.urls] or any(map(str.strip, row))) for row in rows):
                return None  # a blank row, which does not count
            return [row[place] for place in (at.urls, *at.further) for row in rows if row[place]]
        # Unquoted lists that run on into further fields.
        run_on = self._delimiter == "," and at.urls == at.width - 1
        if run_on and min(widths) >= at.width and not (at.blank or at.foreign):
            return [",".join(row[at.urls :]) for row in rows]
        return None


def _whole_rows(block: str) -> str:
    """Return a block without the lines at its end that begin a row which goes on after it.

    Such a row has an odd number of quotes in them. Quotes within unquoted cells may mislead this:
    the block is then one that ends within quotes, or shorter than it could be.
    """
    end, quotes = len(block), block.count('"')
    while end and quotes % 2:
        start = block.rfind("\n", 0, end - 1) + 1
        quotes -= block.count('"', start, end)
        end = start
    return block[:end]


def _count(lists: Sequence[str]) -> int | None:
    """Return the number of addresses in plain lists; ``None`` if one of them is not plain.

    A scheme follows each comma of a plain list and stands at its beginning, and nowhere else. It is
    enough to count over all lists at once, because each count is the largest that can be.
    """
    text = ",".join(("", *lists))
    if "\n" in text or "\r" in text:
        return None
    expected = text.count(",")
    if text.count("://") != expected:
        return None
    if _all_begun(text, expected) or _all_begun(text.replace(", ", ","), expected):
        return expected
    return None


def _all_begun(text: str, commas: int) -> bool:
    """Return whether an address follows each of the text's commas."""
    found = 0
    for scheme in FETCHED:
        found += text.count(f",{scheme}")
        if found == commas:
            return True
    return False
