from __future__ import annotations

import asyncio

import pytest

from imagebatch_runner.budget import Budget, Hold


async def test_no_more_than_the_capacity_is_taken_at_once() -> None:
    budget = Budget(10)
    out, most = 0, 0

    async def use(weight: int) -> None:
        nonlocal out, most
        async with budget.hold(weight):
            out += weight
            most = max(most, out)
            await asyncio.sleep(0)
            out -= weight

    await asyncio.gather(*(use(1 + n % 7) for n in range(50)))
    assert most <= 10
    assert budget.free == 10


async def test_weight_over_the_capacity_waits_until_it_is_alone() -> None:
    budget = Budget(10)
    small = await budget.take(1)
    large = asyncio.create_task(budget.take(1000))
    await asyncio.sleep(0)
    assert not large.done()
    budget.give(small)
    assert await large == 10
    assert budget.free == 0


async def test_small_weight_does_not_overtake_a_large_one() -> None:
    budget = Budget(10)
    first = await budget.take(6)
    large = asyncio.create_task(budget.take(8))
    await asyncio.sleep(0)
    small = asyncio.create_task(budget.take(1))
    await asyncio.sleep(0)
    assert not small.done()
    budget.give(first)
    assert (await large, await small) == (8, 1)


async def test_cancelled_wait_leaves_nothing_behind() -> None:
    budget = Budget(10)
    first = await budget.take(10)
    large, small = asyncio.create_task(budget.take(9)), asyncio.create_task(budget.take(5))
    await asyncio.sleep(0)
    large.cancel()
    with pytest.raises(asyncio.CancelledError):
        await large
    budget.give(first)
    budget.give(await small)
    assert budget.free == 10


async def test_wait_that_is_cancelled_right_after_its_grant_gives_back() -> None:
    budget = Budget(10)
    first = await budget.take(10)
    waiting = asyncio.create_task(budget.take(4))
    await asyncio.sleep(0)
    budget.give(first)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert budget.free == 10


async def test_nobody_takes_units_while_the_budget_is_overdrawn() -> None:
    budget = Budget(10)
    first, second = Hold(budget), Hold(budget)
    await first.take(6)
    await second.take(4)
    first.grow(5)
    assert budget.free == -5
    settled = asyncio.create_task(second.settled())
    third = asyncio.create_task(budget.take(1))
    await asyncio.sleep(0)
    assert not settled.done()
    second.release()
    await asyncio.sleep(0)
    assert (settled.done(), third.done(), budget.free) == (False, False, -1)
    first.release()
    await asyncio.gather(settled, third)
    assert budget.free == 9


async def test_waiting_for_settled_does_not_queue_behind_those_who_take() -> None:
    """Else the one that holds and the one that waits for it would wait for each other."""
    budget = Budget(10)
    holder = Hold(budget)
    await holder.take(6)
    large = asyncio.create_task(budget.take(8))
    await asyncio.sleep(0)
    await asyncio.wait_for(holder.settled(), 5)
    holder.release()
    assert await large == 8


async def test_holder_and_waiters_cancelled_at_once_leave_nothing_behind() -> None:
    budget = Budget(1)

    async def use() -> None:
        async with budget.hold(1):
            await asyncio.Event().wait()

    tasks = [asyncio.create_task(use()) for _ in range(3)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(error) for error in ended] == [asyncio.CancelledError] * 3
    assert budget.free == 1
