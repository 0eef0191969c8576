"""Limits for each host: requests at once, no request during its back-off, and bytes in transit.

The limit on bytes protects the other hosts: the bodies of a slow host must not fill the memory.
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
    """The host limits for all requests of a shard."""

    def __init__(self, *, total: int, per_host: int, arriving: int) -> None:
        """Set the limits: requests in ``total`` and ``per_host``, and ``arriving``, the bytes in
        transit from one host."""
        self._total = asyncio.Semaphore(total)
        self._per_host = per_host
        self._arriving = arriving
        self._hosts: dict[str, _Host] = {}

    @asynccontextmanager
    async def slot(self, host: str) -> AsyncIterator[None]:
        """Wait for a slot of the host, then for one of the total slots; hold both for the block.

        In this order, images of a slow host never hold slots that other hosts could use.
        """
        state = self._state(host)
        async with state.slots:
            await self._until_welcome(state)
            async with self._total:
                yield

    @asynccontextmanager
    async def turn(self, host: str) -> AsyncIterator[None]:
        """Wait until a request to the host may begin, and hold the turn for the block.

        An image waits for its turn before it takes a claim or memory, so images of a host that is
        slow or backs off hold nothing that others need. Only the first request waits here: its
        redirects must not wait behind images that have not begun.
        """
        state = self._state(host)
        async with state.turns:
            await self._until_welcome(state)
            yield

    @asynccontextmanager
    async def arriving(self, host: str, size: int) -> AsyncIterator[None]:
        """Wait until ``size`` more bytes may be in transit from the host; count them for the block.

        A body over the limit waits until it is the only one.
        """
        async with self._state(host).arriving.hold(size):
            yield

    def pause(self, host: str) -> float:
        """Return the seconds until the host's back-off ends; 0 or less if there is none."""
        return self._state(host).not_before - asyncio.get_running_loop().time()

    def is_free(self, host: str) -> bool:
        """Return whether the host has a free turn, whether or not it backs off."""
        return not self._state(host).turns.locked()

    def hold_off(self, host: str, seconds: float) -> None:
        """Start a back-off of ``seconds``, which the host asked for: all its images wait."""
        state = self._state(host)
        state.not_before = max(state.not_before, asyncio.get_running_loop().time() + seconds)

    async def _until_welcome(self, state: _Host) -> None:
        """Wait for the end of the host's back-off, which may be extended meanwhile."""
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
