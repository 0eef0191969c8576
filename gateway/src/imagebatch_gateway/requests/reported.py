"""Reads results from ``report.jsonl`` in ranges, which it finds with the report's index."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Final

import anyio.to_thread
from cachetools import LRUCache
from pydantic import ValidationError

from imagebatch_core.indexes import ReportIndex
from imagebatch_core.keys import BatchKeys
from imagebatch_gateway.backends.errors import ResultUnreadable
from imagebatch_gateway.backends.objects import Objects

from .lines import read_lines
from .recorded import Result, parsed

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
        self, keys: BatchKeys, first: int, *, failed_only: bool = False
    ) -> AsyncIterator[tuple[list[Result], int]]:
        """Yield results piece by piece, each with the number of bytes read.

        The first piece begins at the index entry at or before row ``first``. With ``failed_only``,
        blocks of rows in which no image failed are skipped.
        """
        index = await self.index(keys)
        for start, end in _segments(index, (first - 1) // index.every, failed_only=failed_only):
            async for lines in read_lines(self._objects, keys.report_jsonl, start, end):
                found = await anyio.to_thread.run_sync(_parse, keys.report_jsonl, lines)
                yield found, sum(map(len, lines))


def _parse(key: str, lines: list[bytes]) -> list[Result]:
    return list(parsed(key, lines))


def _segments(
    index: ReportIndex, block: int, *, failed_only: bool
) -> Iterator[tuple[int, int | None]]:
    """Yield the byte ranges to read, from entry ``block`` of the index on.

    An end of ``None`` is the end of the object.
    """
    offsets = index.jsonl
    failed = index.failed if failed_only else None
    while block < len(offsets):
        # If the last rows have no images, their index entries point to the object's end.
        nothing = offsets[block] == index.jsonl_bytes
        if nothing or (failed is not None and not failed[block]):
            block += 1
            continue
        last = block
        while last + 1 < len(offsets) and (failed is None or failed[last + 1]):
            last += 1
        end = offsets[last + 1] if last + 1 < len(offsets) else None
        if end is None or end > offsets[block]:
            yield offsets[block], end
        block = last + 1
