"""Turns and pauses of image hosts."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from imagebatch_runner.fetch.host_gate import HostGate


async def test_turns_of_a_host_are_few_and_free_again_after_their_block() -> None:
    gate = HostGate(total=1, per_host=2, arriving=1)
    async with AsyncExitStack() as held:
        for _ in range(2):
            assert gate.is_free("a:80")
            await held.enter_async_context(gate.turn("a:80"))
        assert not gate.is_free("a:80")
        assert gate.is_free("b:80")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), gate.turn("a:80"):
                pass
        async with asyncio.timeout(30), gate.slot("a:80"):  # a turn is no slot
            pass
    assert gate.is_free("a:80")


async def test_a_turn_waits_for_the_end_of_a_pause() -> None:
    gate = HostGate(total=4, per_host=2, arriving=1)
    assert gate.pause("a:80") <= 0
    gate.hold_off("a:80", 60)
    gate.hold_off("b:80", 0.05)
    assert 50 < gate.pause("a:80") <= 60
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1), gate.turn("a:80"):
            pass
    async with asyncio.timeout(30), gate.turn("b:80"):
        assert gate.pause("b:80") <= 0


async def test_what_arrives_from_one_host_leaves_room_for_others() -> None:
    gate = HostGate(total=4, per_host=4, arriving=10)
    async with gate.arriving("a:80", 6), gate.arriving("a:80", 4), asyncio.timeout(30):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), gate.arriving("a:80", 1):
                pass
        async with gate.arriving("b:80", 99):  # more than any host may: then alone
            pass
    async with asyncio.timeout(30), gate.arriving("a:80", 10):
        pass
