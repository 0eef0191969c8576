from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from imagebatch_operator.cluster.work_queue import Key, MustRestart, WorkQueue

A: Key = ("shop", "a")
B: Key = ("shop", "b")


@asynccontextmanager
async def serving(queue: WorkQueue, reconcile: Callable[[Key], object]) -> AsyncIterator[None]:
    workers = [asyncio.create_task(queue.work(reconcile)) for _ in range(4)]  # type: ignore[arg-type]
    yield
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)


async def test_one_key_is_never_worked_on_twice_at_once_and_no_event_is_lost() -> None:
    queue, running, most, passes = WorkQueue(), 0, 0, 0

    async def reconcile(_: Key) -> None:
        nonlocal running, most, passes
        running += 1
        most, passes = max(most, running), passes + 1
        await asyncio.sleep(0.02)
        running -= 1

    async with serving(queue, reconcile):
        queue.add(A)
        await asyncio.sleep(0.005)
        for _ in range(10):
            queue.add(A)
        await asyncio.sleep(0.1)
    assert (most, passes) == (1, 2)


async def test_keys_are_worked_on_side_by_side() -> None:
    queue, together = WorkQueue(), asyncio.Barrier(2)

    async def reconcile(_: Key) -> None:
        await asyncio.wait_for(together.wait(), 1)
        done.set()

    done = asyncio.Event()
    async with serving(queue, reconcile):
        queue.add(A)
        queue.add(B)
        await asyncio.wait_for(done.wait(), 2)


async def test_a_failing_key_is_tried_again_and_ends_no_worker() -> None:
    queue, tries, done = WorkQueue(), 0, asyncio.Event()

    async def reconcile(_: Key) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise RuntimeError("no")
        done.set()

    async with serving(queue, reconcile):
        queue.add(A)
        await asyncio.wait_for(done.wait(), 5)
    assert tries == 2


async def test_a_key_that_always_fails_is_tried_again_after_a_minute_however_often() -> None:
    queue, waits, done = WorkQueue(), [], asyncio.Event()

    async def reconcile(_: Key) -> None:
        raise RuntimeError("no")

    def again_at_once(key: Key, seconds: float) -> None:
        waits.append(seconds)
        if len(waits) < 3000:
            queue.add(key)
        else:
            done.set()

    queue.add_after = again_at_once  # type: ignore[method-assign]
    async with serving(queue, reconcile):
        queue.add(A)
        await asyncio.wait_for(done.wait(), 30)
    assert waits[:4] == [0.5, 1.0, 2.0, 4.0]
    assert set(waits[7:]) == {60.0}


async def test_what_makes_the_process_start_anew_ends_the_worker() -> None:
    queue = WorkQueue()

    async def reconcile(_: Key) -> None:
        raise MustRestart("the cluster was restored")

    queue.add(A)
    with pytest.raises(MustRestart):
        await asyncio.wait_for(queue.work(reconcile), 5)


async def test_passes_that_wait_for_nothing_let_others_run() -> None:
    queue, passes = WorkQueue(), 0

    async def reconcile(_: Key) -> None:
        nonlocal passes
        passes += 1

    for number in range(1000):
        queue.add(("shop", str(number)))
    async with serving(queue, reconcile):
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert passes < 100


async def test_a_pass_may_ask_for_another_one_later() -> None:
    queue, times, done = WorkQueue(), [], asyncio.Event()
    loop = asyncio.get_running_loop()

    async def reconcile(_: Key) -> float | None:
        times.append(loop.time())
        if len(times) == 2:
            done.set()
            return None
        return 0.1

    async with serving(queue, reconcile):
        queue.add(A)
        await asyncio.wait_for(done.wait(), 2)
    assert times[1] - times[0] >= 0.09
