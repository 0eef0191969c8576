"""Reads results from ``report.jsonl`` in ranges, which it finds with the report's index."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Sequence
from itertools import takewhile
from typing import Final

import anyio.to_thread
from cachetools import LRUCache
from pydantic import ValidationError

from imagebatch_core.indexes import FailedLines, ReportIndex
from imagebatch_core.keys import BatchKeys
from imagebatch_gateway import metrics
from imagebatch_gateway.backends.errors import ResultUnreadable
from imagebatch_gateway.backends.objects import Objects

from .lines import FIRST_PIECE, read_lines
from .recorded import Result, parsed

#: Number of small ranges that are read in parallel.
AHEAD: Final = 16
#: Number of cached indexes. The index of a million rows takes about 100 kB.
INDEXES_CACHED: Final = 50


class Reported:
    """Reads results of batches that have a report, and caches the indexes."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._indexes: LRUCache[str, ReportIndex] = LRUCache(INDEXES_CACHED)

    async def index(self, keys: BatchKeys) -> ReportIndex:
        """Return the report's index. Raises ResultMissing, ResultUnreadable, StoreUnavailable."""
        found = self._indexes.get(keys.root)
        metrics.looked_up("report_indexes", hit=found is not None)
        if found is None:
            try:
                found = ReportIndex.model_validate_json(await self._objects.read(keys.report_index))
            except ValidationError as error:
                raise ResultUnreadable(keys.report_index) from error
            self._indexes[keys.root] = found
        return found

    async def of_rows(self, keys: BatchKeys, first: int, last: int) -> list[Result]:
        """Return the results of the rows ``first`` to ``last`` (1-based), in input order."""
        found: list[Result] = []
        async for results, _ in self.from_row(keys, first):
            found += [r for r in results if first <= r["row"] <= last]
            if results and results[-1]["row"] > last:
                break
        return found

    async def from_row(
        self, keys: BatchKeys, first: int
    ) -> AsyncIterator[tuple[list[Result], int]]:
        """Yield results piece by piece, each with the number of bytes read.

        The first piece begins at the index entry at or before row ``first``.
        """
        index = await self.index(keys)
        start = index.jsonl[(first - 1) // index.every] if first <= index.rows else None
        # If the last rows have no images, their index entries point to the object's end.
        if start is not None and start != index.jsonl_bytes:
            async for piece in self._read(keys, start, None):
                yield piece

    async def failed_from_row(
        self, keys: BatchKeys, first: int, code: str | None = None
    ) -> AsyncIterator[tuple[list[Result], int]]:
        """Yield results like :meth:`from_row`, but only ranges that contain failures.

        With ``code`` only ranges with failures of this code are read.
        """
        ranges = (await self.index(keys)).failed_lines(code)
        if ranges is None:
            async for piece in self.from_row(keys, first):
                yield piece
            return
        begin = max(0, bisect_right(ranges, first, key=lambda one: one.row) - 1)
        async for piece in self._read_ahead(keys, ranges[begin:]):
            yield piece

    async def _read_ahead(
        self, keys: BatchKeys, ranges: Sequence[FailedLines]
    ) -> AsyncIterator[tuple[list[Result], int]]:
        """Yield the results in these ranges. Small ranges are read in parallel."""
        while ranges:
            small = list(takewhile(lambda one: one.end - one.start <= FIRST_PIECE, ranges[:AHEAD]))
            if small:
                pieces = await asyncio.gather(
                    *(self._read_small(keys, one.start, one.end) for one in small)
                )
                for piece in pieces:
                    yield piece
            else:
                async for piece in self._read(keys, ranges[0].start, ranges[0].end):
                    yield piece
            ranges = ranges[len(small) or 1 :]

    async def _read_small(self, keys: BatchKeys, start: int, end: int) -> tuple[list[Result], int]:
        found = await self._objects.read_range(keys.report_jsonl, start, end - start)
        return _parse(keys.report_jsonl, found.content.split(b"\n")), end - start

    async def _read(
        self, keys: BatchKeys, start: int, end: int | None
    ) -> AsyncIterator[tuple[list[Result], int]]:
        async for lines in read_lines(self._objects, keys.report_jsonl, start, end):
            found = await anyio.to_thread.run_sync(_parse, keys.report_jsonl, lines)
            yield found, sum(map(len, lines))


def _parse(key: str, lines: list[bytes]) -> list[Result]:
    return list(parsed(key, lines))
