"""What the report says of a batch's images: range reads over ``report.jsonl`` by its index."""

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

#: Indexes in memory; one of a million rows takes some 100 kB.
INDEXES_CACHED: Final = 50


class Reported:
    """Reads results of a batch that has its report; the indexes are remembered."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._indexes: LRUCache[str, ReportIndex] = LRUCache(INDEXES_CACHED)

    async def index(self, keys: BatchKeys) -> ReportIndex:
        """Raises ResultMissing, ResultUnreadable, StoreUnavailable."""
        found = self._indexes.get(keys.root)
        if found is None:
            try:
                found = ReportIndex.model_validate_json(await self._objects.read(keys.report_index))
            except ValidationError as error:
                raise ResultUnreadable(keys.report_index) from error
            self._indexes[keys.root] = found
        return found

    async def of_rows(self, keys: BatchKeys, first: int, last: int) -> list[Result]:
        """The results of these rows, 1-based, in input order."""
        found: list[Result] = []
        async for results, _ in self.from_row(keys, first):
            found += [r for r in results if first <= r["row"] <= last]
            if results and results[-1]["row"] > last:
                break
        return found

    async def from_row(
        self, keys: BatchKeys, first: int, *, failed_only: bool = False
    ) -> AsyncIterator[tuple[list[Result], int]]:
        """Results from before this row on, piece by piece, each with the bytes that were read.

        With ``failed_only``, thousands of rows in which no image failed are passed over.
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
    """Ranges of bytes to read, from this entry of the index on; ``None`` is the object's end."""
    offsets = index.jsonl
    failed = index.failed if failed_only else None
    while block < len(offsets):
        # Rows at the end may have no images: then there is nothing from their entry on.
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
