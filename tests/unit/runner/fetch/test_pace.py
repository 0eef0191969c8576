"""When a body is too slow, by the clock of the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import repeat
from typing import Any

from imagebatch_core.results import ErrorCode
from imagebatch_runner.failures import ImageFailed
from imagebatch_runner.fetch.pace import Pace
from imagebatch_runner.settings import Settings

#: Seconds until a piece of a body comes, and its bytes.
Pieces = Iterable[tuple[float, int]]


async def receive(pieces: Pieces, **settings: Any) -> tuple[bool, ImageFailed | None]:
    """Whether the clock ran out before all pieces were there, and how that is explained."""
    given = {"fetch_floor_bytes": 1000, "fetch_floor_seconds": 0.3, "fetch_total_seconds": 60}
    pace = None
    try:
        async with asyncio.timeout(None) as clock:
            pace = Pace(clock, Settings(**(given | settings)))
            for wait, size in pieces:
                await asyncio.sleep(wait)
                pace.received(size)
    except TimeoutError:
        assert pace is not None
        return True, pace.explain()
    return False, pace.explain()


async def test_a_body_below_the_floor_is_ended_and_explained() -> None:
    ended, why = await receive(repeat((0.02, 2)))
    assert ended
    assert why is not None
    assert why.code is ErrorCode.TIMEOUT
    assert why.message == "the host sends less than 1000 bytes a second, for 0.3 s"


async def test_a_body_that_stays_above_the_floor_takes_as_long_as_it_needs() -> None:
    """Some 6000 bytes a second, for four windows."""
    assert await receive([(0.03, 200)] * 40) == (False, None)


async def test_a_body_that_falls_below_the_floor_later_is_ended_then() -> None:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    ended, why = await receive([*[(0.05, 1000)] * 10, (30, 1)])
    assert ended
    assert why is not None
    assert 0.6 < loop.time() - begun < 20


async def test_the_total_ends_a_body_whatever_its_pace_and_is_not_called_slow() -> None:
    assert await receive(repeat((0.01, 1 << 20)), fetch_total_seconds=0.4) == (True, None)


async def test_without_a_floor_the_total_alone_counts() -> None:
    assert await receive([(0.6, 1)], fetch_floor_bytes=0) == (False, None)


async def test_a_quick_body_never_touches_the_clock_again() -> None:
    clock = asyncio.timeout(None)
    async with clock:
        await asyncio.sleep(0)
        pace = Pace(clock, Settings())
        when = clock.when()
        for _ in range(100):
            pace.received(1 << 20)
        assert clock.when() == when
