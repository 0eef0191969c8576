"""Makes a CSV of the input rows that have a failed image; it can be uploaded again.

``report.csv`` and ``report.jsonl`` are read in parallel, so that memory holds only a few rows.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import AsyncIterator, Iterator
from typing import Final

import anyio.to_thread

from imagebatch_core.catalogue.header import ERROR_COLUMN, OUTPUT_COLUMN
from imagebatch_core.catalogue.rows import CELL_LIMIT
from imagebatch_core.keys import BatchKeys
from imagebatch_core.results import ImageStatus
from imagebatch_gateway.backends.objects import Objects

from .reported import Reported

_FAILED: Final = ImageStatus.FAILED


async def failed_rows(
    objects: Objects, reported: Reported, keys: BatchKeys, table: str
) -> AsyncIterator[bytes]:
    """Yield the CSV in chunks: the header, then each row with a failed image.

    ``table`` is the key of ``report.csv``, or of the report with raw cells. The header is sent even
    if no row has a failed image.

    Raises ResultMissing, ResultUnreadable, StoreUnavailable.
    """
    numbers = _failed_numbers(reported, keys)
    opened = await objects.open(table)
    rows = _Rows()
    row = 0
    wanted = await anext(numbers, None)
    async for chunk in _and_end(opened.chunks):
        found = await anyio.to_thread.run_sync(rows.feed, chunk)
        kept: list[list[str]] = []
        for cells in found:
            if row == 0:
                columns = _kept_columns(cells)
                kept.append([cells[at] for at in columns])
            elif row == wanted:
                kept.append([cells[at] for at in columns])
                wanted = await anext(numbers, None)
            row += 1
        if kept:
            yield _encoded(kept)
        if wanted is None and row > 0:
            return


async def _and_end(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes | None]:
    async for chunk in chunks:
        yield chunk
    yield None


async def _failed_numbers(reported: Reported, keys: BatchKeys) -> AsyncIterator[int]:
    """Yield the 1-based numbers of the rows with a failed image, in ascending order."""
    last = 0
    async for results, _ in reported.failed_from_row(keys, 1):
        for result in results:
            if result["status"] == _FAILED and result["row"] > last:
                last = result["row"]
                yield last


def _kept_columns(header: list[str]) -> list[int]:
    """Return the indexes of the columns that were in the input.

    The report adds two columns: the output URLs, and the errors, which come last.
    """
    output = header.index(OUTPUT_COLUMN)
    assert header[-1] == ERROR_COLUMN  # noqa: S101 - as the runner writes it
    return [at for at in range(len(header) - 1) if at != output]


class _Rows:
    """Incremental CSV parser: returns the rows that are complete after each chunk."""

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")()
        self._text = ""

    def feed(self, chunk: bytes | None) -> list[list[str]]:
        """Parse one more chunk, ``None`` at the end of the file, and return the rows it
        completes."""
        self._text += self._decode.decode(chunk or b"", final=chunk is None)
        end = len(self._text) if chunk is None else _end_of_rows(self._text)
        whole, self._text = self._text[:end], self._text[end:]
        csv.field_size_limit(CELL_LIMIT * 4)
        return list(csv.reader(io.StringIO(whole, newline=""), strict=True))


def _end_of_rows(text: str) -> int:
    """Return the offset after the last complete row: after the last line end outside of quotes.

    A quote within a cell is doubled, so a line end is outside of quotes if the number of quotes
    before it is even.
    """
    end = quotes = at = 0
    for line in _lines(text):
        quotes += line.count('"')
        at += len(line)
        if quotes % 2 == 0:
            end = at
    return end


def _lines(text: str) -> Iterator[str]:
    """Yield the lines with their ends ``\\r\\n``; text after the last line end is left out."""
    start = 0
    while (found := text.find("\r\n", start)) >= 0:
        yield text[start : found + 2]
        start = found + 2


def _encoded(rows: list[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()
