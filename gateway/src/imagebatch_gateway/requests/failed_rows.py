"""The rows of the input that have a failed image, as a CSV that can be uploaded again.

The report and its images are read side by side, so that memory holds a few rows at a time. Cells
are the report's: with ``raw``, as they were in the input.
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
    """``table`` is the key of the report as CSV. The header comes first, also if no row follows.

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
    """1-based rows with a failed image, ascending."""
    last = 0
    async for results, _ in reported.from_row(keys, 1, failed_only=True):
        for result in results:
            if result["status"] == _FAILED and result["row"] > last:
                last = result["row"]
                yield last


def _kept_columns(header: list[str]) -> list[int]:
    """All but the two that the report adds: the output column, and the last one of errors."""
    output = header.index(OUTPUT_COLUMN)
    assert header[-1] == ERROR_COLUMN  # noqa: S101 - as the runner writes it
    return [at for at in range(len(header) - 1) if at != output]


class _Rows:
    """Parses a CSV that arrives in chunks: whole rows of what has arrived."""

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")()
        self._text = ""

    def feed(self, chunk: bytes | None) -> list[list[str]]:
        """``None`` is the end."""
        self._text += self._decode.decode(chunk or b"", final=chunk is None)
        end = len(self._text) if chunk is None else _end_of_rows(self._text)
        whole, self._text = self._text[:end], self._text[end:]
        csv.field_size_limit(CELL_LIMIT * 4)
        return list(csv.reader(io.StringIO(whole, newline=""), strict=True))


def _end_of_rows(text: str) -> int:
    """Where the last whole row ends: at the last line end outside of quotes. As a quote within a
    cell is doubled, an even number of them before a line end means outside.
    """
    end = quotes = at = 0
    for line in _lines(text):
        quotes += line.count('"')
        at += len(line)
        if quotes % 2 == 0:
            end = at
    return end


def _lines(text: str) -> Iterator[str]:
    """Lines with their ends ``\\r\\n``, without the last one that has none."""
    start = 0
    while (found := text.find("\r\n", start)) >= 0:
        yield text[start : found + 2]
        start = found + 2


def _encoded(rows: list[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()
