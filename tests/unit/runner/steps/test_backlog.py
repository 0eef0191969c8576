"""Requests wait while enough images wait for a decoder."""

from __future__ import annotations

import asyncio

from imagebatch_runner.steps.backlog import Backlog


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_there_is_room_until_enough_images_wait() -> None:
    backlog = Backlog(2)
    with backlog.waiting():
        await asyncio.wait_for(backlog.room(), 1)
        with backlog.waiting():
            held = [asyncio.create_task(backlog.room()) for _ in range(3)]
            await _settle()
            assert not any(task.done() for task in held)
        await _settle()
        assert [task.done() for task in held] == [True, False, False]  # one for one
    await _settle()
    assert [task.done() for task in held] == [True, True, False]
    backlog.let_all_go()
    await asyncio.wait_for(asyncio.gather(*held), 1)


async def test_an_image_that_leaves_a_full_backlog_lets_nobody_go() -> None:
    backlog = Backlog(1)
    with backlog.waiting():
        with backlog.waiting():
            held = asyncio.create_task(backlog.room())
            await _settle()
        await _settle()
        assert not held.done()
    await asyncio.wait_for(held, 1)


async def test_a_held_caller_waits_also_where_there_is_room() -> None:
    backlog = Backlog(2)
    held = asyncio.create_task(backlog.room(held=True))
    await _settle()
    assert not held.done()
    with backlog.waiting():
        pass
    await asyncio.wait_for(held, 1)


async def test_a_cancelled_caller_takes_nobodys_turn() -> None:
    backlog = Backlog(1)
    with backlog.waiting():
        first, second = (asyncio.create_task(backlog.room()) for _ in range(2))
        await _settle()
        first.cancel()
        await _settle()
    await asyncio.wait_for(second, 1)
