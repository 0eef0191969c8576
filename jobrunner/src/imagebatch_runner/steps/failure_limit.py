"""Stop a shard once the batch can no longer meet ``maxFailedPercent``.

The pod that finds this out leaves a mark in the store, so that the other pods need not count. All
of them record what is left of their shards as ``not_processed``: the report covers every image, and
the batch ends as it would have ended anyway.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from imagebatch_core.errors import ImageBatchError
from imagebatch_core.progress import PodProgress
from imagebatch_core.results import ErrorCode, ImageResult, ImageStatus, ShardItem
from imagebatch_runner.store.documents import Plan

from .batch import Batch

log = logging.getLogger(__name__)

#: Share of a shard after which the limit is checked again, and the seconds after which it is
#: checked at the latest, and at the earliest.
_SHARE: Final = 10
_LATEST: Final = 10.0
_EARLIEST: Final = 1.0
#: Seconds that a check waits for the store; the next one tries again.
_PATIENCE: Final = 5.0
#: Most progress documents that are read for one check; the next one reads more.
_READ_AT_ONCE: Final = 500


class FailureLimit:
    """The limit of failed images of a batch, as one pod sees it while it works on ``shard``.

    ``before`` are the images of the shard that failed in earlier pods.
    """

    def __init__(self, batch: Batch, plan: Plan, shard: int, before: int) -> None:
        self._batch = batch
        self._storage = batch.storage.within(_PATIENCE)
        self._keys = batch.keys
        self._shard = shard
        self._most = plan.images * batch.job.max_failed_percent // 100
        self._percent = batch.job.max_failed_percent
        self._step = max(1, plan.images_of(shard) // _SHARE)
        self._failed = before
        self._done = before
        self._checked = 0
        self._due = asyncio.Event()
        # Failed images by shard, as far as they are known, and what was read for it.
        self._others: dict[int, int] = {}
        self._read: dict[str, str] = {}
        self.exceeded = False

    def add(self, results: Sequence[ImageResult]) -> None:
        """Count results that are recorded."""
        self._done += len(results)
        self._failed += sum(result.status is ImageStatus.FAILED for result in results)
        if self._done - self._checked >= self._step:
            self._due.set()

    @property
    def unchecked(self) -> bool:
        """Whether images failed, and some were recorded since the last check."""
        return self._failed > 0 and self._done > self._checked

    async def check(self) -> bool:
        """Return whether more images failed than the batch allows, here or as another pod found."""
        self._checked = self._done
        mark = self._keys.failure_mark
        if self._failed <= self._most:
            if await asyncio.to_thread(self._storage.exists, mark):
                self.exceeded = True
                return True
            # While this shard is within the limit, another one finds out.
            if self._failed * 100 <= self._percent * self._done:
                return False
            await asyncio.to_thread(self._count_others)
        if self._failed + sum(self._others.values()) <= self._most:
            return False
        log.warning("more than %d images failed: the shard ends (maxFailedPercent)", self._most)
        await self._storage.put_async(mark, b"{}\n")
        self.exceeded = True
        return True

    @asynccontextmanager
    async def watching(self, stop: asyncio.Event, stopped: asyncio.Event) -> AsyncIterator[None]:
        """Set ``stop`` during the block when the limit is exceeded, or when ``stopped`` is set."""
        tasks = [asyncio.create_task(self._watch(stop)), asyncio.create_task(_relay(stopped, stop))]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def rest(self, items: Sequence[ShardItem]) -> list[ImageResult]:
        """Return the results of images that are not processed because the limit is exceeded."""
        why = f"not processed: more images failed than maxFailedPercent ({self._percent}) allows"
        return [ImageResult.failure(item, ErrorCode.NOT_PROCESSED, why) for item in items]

    async def _watch(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await asyncio.sleep(_EARLIEST)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LATEST):
                    await self._due.wait()
            self._due.clear()
            try:
                if await self.check():
                    stop.set()
            except ImageBatchError as error:
                log.info("maxFailedPercent cannot be checked now: %s", error)

    def _count_others(self) -> None:
        """Read the progress of the other shards, as far as it has changed.

        Of several pods of one shard the one with most failures counts: they may have recorded the
        same images.
        """
        own = self._keys.shard_progress(self._shard)
        found = self._storage.versions(self._keys.progress)
        changed = [k for k, v in found.items() if self._read.get(k) != v and not k.startswith(own)]
        for key in changed[:_READ_AT_ONCE]:
            data = self._storage.get(key)
            number = key.removeprefix(self._keys.progress).partition("/")[0]
            if data is not None and number.isdigit():
                failed = PodProgress.model_validate_json(data).totals.failed
                self._others[int(number)] = max(failed, self._others.get(int(number), 0))
                self._read[key] = found[key]


async def _relay(source: asyncio.Event, target: asyncio.Event) -> None:
    await source.wait()
    target.set()
