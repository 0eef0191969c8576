"""Limits on requests to one host: how many at once, none during a pause, and bytes on their way.

The limit on bytes is for the other hosts: the bodies of a slow host must not fill the memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from imagebatch_runner.budget import Budget


@dataclass(slots=True)
class _Host:
    turns: asyncio.Semaphore
    slots: asyncio.Semaphore
    arriving: Budget
    not_before: float = field(default=0.0)


class HostGate:
    """One gate for all requests of a shard."""

    def __init__(self, *, total: int, per_host: int, arriving: int) -> None:
        """``total`` and ``per_host`` limit requests; ``arriving`` limits the bytes on their way
        from one host."""
        self._total = asyncio.Semaphore(total)
        self._per_host = per_host
        self._arriving = arriving
        self._hosts: dict[str, _Host] = {}

    @asynccontextmanager
    async def slot(self, host: str) -> AsyncIterator[None]:
        """Wait for a slot of the host, then for one of all slots; hold both for the block.

        In this order, images of a slow host never hold the slots of the others.
        """
        state = self._state(host)
        async with state.slots:
            await self._until_welcome(state)
            async with self._total:
                yield

    @asynccontextmanager
    async def turn(self, host: str) -> AsyncIterator[None]:
        """Wait until a request to the host may begin, and hold the turn for the block.

        An image waits for its turn before it takes a claim or memory, so images of a slow or
        paused host hold nothing that others need. Only its first request waits here: its
        redirects must not wait for images that are still waiting.
        """
        state = self._state(host)
        async with state.turns:
            await self._until_welcome(state)
            yield

    @asynccontextmanager
    async def arriving(self, host: str, size: int) -> AsyncIterator[None]:
        """Wait until ``size`` more bytes may be on their way from the host, for the block. A body
        over the limit waits until it is the only one."""
        async with self._state(host).arriving.hold(size):
            yield

    def pause(self, host: str) -> float:
        """Seconds until the host's pause ends; 0 or less when there is none."""
        return self._state(host).not_before - asyncio.get_running_loop().time()

    def is_free(self, host: str) -> bool:
        """Whether a turn can be had at once, apart from a pause."""
        return not self._state(host).turns.locked()

    def hold_off(self, host: str, seconds: float) -> None:
        """Pause the host, which asked for it: all images of it wait."""
        state = self._state(host)
        state.not_before = max(state.not_before, asyncio.get_running_loop().time() + seconds)

    async def _until_welcome(self, state: _Host) -> None:
        """Wait for the end of the pause, which may be prolonged meanwhile."""
        while (wait := state.not_before - asyncio.get_running_loop().time()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(wait)

    def _state(self, host: str) -> _Host:
        state = self._hosts.get(host)
        if state is None:
            state = self._hosts[host] = _Host(
                asyncio.Semaphore(self._per_host),
                asyncio.Semaphore(self._per_host),
                Budget(self._arriving),
            )
        return state
