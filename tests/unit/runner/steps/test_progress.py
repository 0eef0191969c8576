"""The document by which a pod tells its progress: when it is written, and what it costs if not."""

from __future__ import annotations

import asyncio

from obstore.store import MemoryStore

from imagebatch_core.progress import PodProgress
from imagebatch_core.results import ErrorCode, ImageResult, ImageStatus, ShardItem
from imagebatch_runner.failures import StorageUnavailable
from imagebatch_runner.steps.progress import ProgressCounts, ProgressWriter
from imagebatch_runner.store.storage import Storage

KEY = "progress/000000/pod.json"


class CountedStorage(Storage):
    """``puts`` counts the writes; ``away`` makes them fail."""

    def __init__(self) -> None:
        super().__init__(MemoryStore(), patience=0)
        self.puts = 0
        self.away = False

    def within(self, patience: float) -> Storage:
        return self

    async def put_async(self, key: str, data: bytes) -> None:
        try:
            if self.away:
                raise StorageUnavailable("the object store does not answer")
            await super().put_async(key, data)
        finally:
            self.puts += 1

    def told(self) -> PodProgress:
        return PodProgress.model_validate_json(self.get(KEY) or b"")


def done(row: int) -> ImageResult:
    return ImageResult(row, 1, f"http://x/{row}", ImageStatus.SUCCEEDED, bytes_in=100, bytes_out=40)


def lost(row: int) -> ImageResult:
    return ImageResult.failure(ShardItem(row, 1, f"http://x/{row}"), ErrorCode.TIMEOUT, "slow")


async def until_put(storage: CountedStorage, puts: int) -> None:
    async with asyncio.timeout(20):
        while storage.puts < puts:  # noqa: ASYNC110 - the store has no event
            await asyncio.sleep(0.005)


async def test_document_counts_results_bytes_and_failures_and_is_overwritten() -> None:
    storage = CountedStorage()
    writer = ProgressWriter(storage, KEY, ProgressCounts(), every=0.01)
    async with writer.writing():
        writer.add([done(1), lost(2)])
        await until_put(storage, 1)
        first = storage.told()
        writer.add([done(3)])
    last = storage.told()

    assert (first.totals.images, last.totals.images) == (2, 3)
    assert (last.totals.succeeded, last.totals.bytes_in, last.totals.bytes_out) == (2, 200, 80)
    assert [(g.code, g.count, g.examples[0].row) for g in last.failures] == [("timeout", 1, 2)]


async def test_results_within_the_interval_cost_one_write_and_none_costs_none() -> None:
    storage = CountedStorage()
    writer = ProgressWriter(storage, KEY, ProgressCounts(), every=60)
    async with writer.writing():
        for row in range(100):
            writer.add([done(row)])
            await asyncio.sleep(0)
    assert storage.puts == 1
    async with writer.writing():
        await asyncio.sleep(0)
    assert storage.puts == 1


async def test_the_document_begins_with_what_the_pod_recorded_before_a_restart() -> None:
    storage, counts = CountedStorage(), ProgressCounts()
    counts.add([done(1), done(2)])
    writer = ProgressWriter(storage, KEY, counts, every=60)
    async with writer.writing():
        writer.add([done(3)])
    assert storage.told().totals.images == 3


async def test_a_store_that_does_not_take_it_ends_nothing() -> None:
    storage = CountedStorage()
    storage.away = True
    writer = ProgressWriter(storage, KEY, ProgressCounts(), every=0.01)
    async with writer.writing():
        writer.add([done(1)])
        await until_put(storage, 1)
        storage.away = False
        writer.add([done(2)])
    assert storage.told().totals.images == 2
