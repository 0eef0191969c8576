"""Lists the images of a batch that have a result, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from imagebatch_core.keys import BatchKeys
from imagebatch_core.results import ErrorCode, ImageStatus

from .place import Place
from .plans import Plans
from .recorded import Recorded, Result
from .reported import Reported

#: Most bytes of a report, and most results in parts, that are read for one page. When few images
#: match, a page ends at this limit with fewer images and a cursor.
SCAN_BYTES: Final = 32 * 1024 * 1024
SCAN_RESULTS: Final = 50_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Filter of a list of images. A field that is ``None`` does not filter."""

    status: ImageStatus | None = None
    code: ErrorCode | None = None
    row: int | None = None

    def matches(self, result: Result) -> bool:
        return (
            (self.row is None or result["row"] == self.row)
            and (self.status is None or result["status"] == self.status)
            and (self.code is None or result.get("error_code") == self.code)
        )

    @property
    def failed_only(self) -> bool:
        return self.code is not None or self.status is ImageStatus.FAILED


@dataclass(frozen=True, slots=True)
class ImagePage:
    """Results in input order. ``next`` is set when more may follow."""

    results: Sequence[Result] = ()
    next: Place | None = None


class ImageLists:
    def __init__(self, plans: Plans, recorded: Recorded, reported: Reported) -> None:
        self._plans = plans
        self._recorded = recorded
        self._reported = reported

    async def page(
        self, keys: BatchKeys, wanted: Wanted, place: Place, limit: int, *, collected: bool
    ) -> ImagePage:
        """Return at most ``limit`` images that match ``wanted``, from ``place`` on.

        They are read from the report if ``collected``, otherwise from the parts.

        Raises ResultMissing, ResultUnreadable, StoreUnavailable.
        """
        if wanted.row is not None and wanted.row > place.row:
            place = Place(wanted.row)
        page = _Page(wanted, place, limit)
        if collected:
            return await self._from_report(keys, page)
        return await self._from_parts(keys, page)

    async def _from_report(self, keys: BatchKeys, page: _Page) -> ImagePage:
        read = 0
        if page.wanted.failed_only:
            pieces = self._reported.failed_from_row(keys, page.place.row, page.wanted.code)
        else:
            pieces = self._reported.from_row(keys, page.place.row)
        async for results, size in pieces:
            if page.add(results):
                return page.made()
            read += size
            # Reading starts at an index entry before ``place``. The cursor must never go back to
            # before ``place``, however much data is in between.
            if read > SCAN_BYTES and results and page.reached(results[-1]):
                return page.made(_after(results[-1]))
        return page.made()

    async def _from_parts(self, keys: BatchKeys, page: _Page) -> ImagePage:
        place = page.place
        shard = place.shard
        plan = await self._plans.of(keys)
        size = plan.shards_per_group if plan else 1
        if shard is None:
            shard = plan.first_shard_of(place.row) if plan else 0
        shard -= shard % size
        scanned = 0
        while True:
            groups = await self._recorded.groups_from(keys, shard, size)
            if not groups:
                return page.made()
            for shards, parts in groups:
                async for results in self._recorded.in_order(parts, place.row):
                    if page.add(results, shards.start):
                        return page.made()
                    scanned += len(results)
                    if scanned > SCAN_RESULTS and page.reached(results[-1]):
                        return page.made(_after(results[-1], shards.start))
                shard = shards.stop


class _Page:
    """Collects the results of one page: those from ``place`` on that match."""

    def __init__(self, wanted: Wanted, place: Place, limit: int) -> None:
        self.wanted = wanted
        self.place = place
        self._limit = limit
        self._found: list[Result] = []
        self._next: Place | None = None

    def add(self, results: Sequence[Result], shard: int | None = None) -> bool:
        """Add the matching results; return whether the page is full or no later image can match."""
        for result in results:
            place = result["row"], result["position"]
            if self.wanted.row is not None and result["row"] > self.wanted.row:
                return True
            if place < self.place.image or not self.wanted.matches(result):
                continue
            if len(self._found) == self._limit:
                self._next = Place(*place, shard)
                return True
            self._found.append(result)
        return False

    def reached(self, result: Result) -> bool:
        """Return whether ``result`` is at or after the place where the page begins."""
        return (result["row"], result["position"]) >= self.place.image

    def made(self, next_place: Place | None = None) -> ImagePage:
        return ImagePage(self._found, self._next or next_place)


def _after(result: Result, shard: int | None = None) -> Place:
    return Place(result["row"], result["position"] + 1, shard)
