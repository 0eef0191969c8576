"""When a part is written, and when its images stop counting as unrecorded."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from obstore.store import MemoryStore

from imagebatch_core.keys import BatchKeys
from imagebatch_core.results import ErrorCode, ImageResult, ShardItem
from imagebatch_runner.fetch.claims import Claim, Claims
from imagebatch_runner.steps.parts import Pace, PartWriter, read_parts, wait_for_parts
from imagebatch_runner.store.storage import Storage


def result(n: int) -> ImageResult:
    return ImageResult.failure(ShardItem(n, 1, f"http://x/{n}"), ErrorCode.EMPTY, "no bytes")


class Written:
    """A writer at work on a store in memory."""

    def __init__(self, *, images: int, seconds: float = 60) -> None:
        self.storage = Storage(MemoryStore(), patience=0)
        self.unrecorded = Claims(images)
        self.parts = PartWriter(
            self.storage, lambda n, _rows: f"part-{n}", first=0, images=images, seconds=seconds
        )

    def sizes(self) -> list[int]:
        keys = self.storage.keys("")
        return [len((self.storage.get(key) or b"").splitlines()) for key in keys]

    async def add(self, *numbers: int) -> list[Claim]:
        claims = []
        for n in numbers:
            claim = self.unrecorded.claim()
            await claim.take()
            self.parts.add(result(n))
            self.parts.release_when_recorded(claim)
            claims.append(claim)
        return claims


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - the store has no event
            await asyncio.sleep(0.01)


async def running(written: Written, work: Callable[[], Awaitable[None]]) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(written.parts.run())
        await work()
        written.parts.close()


async def test_part_is_written_when_half_of_the_images_wait() -> None:
    written = Written(images=10)

    async def work() -> None:
        await written.add(*range(4))
        await asyncio.sleep(0.05)
        assert written.sizes() == []
        await written.add(4)
        await until(lambda: written.sizes() == [5])

    await running(written, work)
    assert written.parts.recorded == 5


async def test_part_is_written_after_a_while_and_at_the_end() -> None:
    written = Written(images=10, seconds=0.05)

    async def work() -> None:
        await written.add(1)
        await until(lambda: written.sizes() == [1])
        await written.add(2)

    await running(written, work)
    assert sum(written.sizes()) == written.parts.recorded == 2


async def test_no_more_than_the_limit_are_fetched_and_unrecorded() -> None:
    written = Written(images=4)
    held = [written.unrecorded.claim() for _ in range(3)]
    for claim in held:
        await claim.take()
    more = written.unrecorded.claim()
    (done,) = await written.add(1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await more.take()

    async def work() -> None:
        held[0].give_back()
        await written.add(2)
        async with asyncio.timeout(20):
            await more.take()

    await running(written, work)
    await done.take()  # it was given back when its result was recorded


async def test_claim_is_taken_and_given_back_once() -> None:
    unrecorded = Claims(1)
    claim = unrecorded.claim()
    claim.give_back()
    await claim.take()
    await claim.take()
    claim.give_back()
    claim.give_back()
    await unrecorded.claim().take()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await unrecorded.claim().take()


class Clocked:
    """A pace of a shard of 1,000 images, asked at the times of a clock that the test sets."""

    def __init__(self) -> None:
        self.pace = Pace(1000)
        self.now = 100.0

    def after(self, seconds: float, found: int) -> float:
        self.now += seconds
        return self.pace.until_next_look(found, self.now)


def test_a_shard_is_looked_at_more_often_the_nearer_its_end() -> None:
    clocked = Clocked()
    assert clocked.after(0, found=0) == pytest.approx(0.2)
    # 50 images a second: 18 s are left, then 2 s, then a fifth of one.
    assert clocked.after(2, found=100) == pytest.approx(4.5)
    assert clocked.after(16, found=900) == pytest.approx(0.5)
    assert clocked.after(1.8, found=990) == pytest.approx(0.2)


def test_a_shard_without_new_results_is_looked_at_every_five_seconds_at_most() -> None:
    clocked = Clocked()
    clocked.after(0, found=990)
    assert clocked.after(10, found=990) == pytest.approx(1.2)
    assert clocked.after(1000, found=990) == pytest.approx(5)


def test_of_two_results_the_first_in_key_order_counts_whenever_it_is_read() -> None:
    storage, keys = Storage(MemoryStore(), patience=0), BatchKeys.of("shop", "u-1")

    def record(pod: str, message: str, *rows: int) -> None:
        places = (ShardItem(row, 1, f"http://x/{row}") for row in rows)
        lines = (ImageResult.failure(one, ErrorCode.EMPTY, message).to_line() for one in places)
        storage.put(keys.part(0, pod, 0, (min(rows), max(rows))), "".join(lines).encode())

    record("f3", "own", 1)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(wait_for_parts, storage, keys, 0, 3, threading.Event())
        time.sleep(0.5)  # it has read the first part
        record("ahead-b", "other", 1, 2)
        record("f4", "late", 2, 3)
        found = waiting.result(30)
    told = {place[0]: getattr(result, "error_message", None) for place, result in found.items()}
    assert told == {1: "other", 2: "other", 3: "late"}
    assert {
        place[0]: one.error_message for place, one in read_parts(storage, keys, 0).items()
    } == told
