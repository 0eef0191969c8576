"""Politeness: so many requests to one host at once, and none while it asked us to wait.

And fairness: what arrives from one host leaves room for others, for it may be slow.
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
        """Of requests in all and to one host; ``arriving`` bytes may be on their way from one."""
        self._total = asyncio.Semaphore(total)
        self._per_host = per_host
        self._arriving = arriving
        self._hosts: dict[str, _Host] = {}

    @asynccontextmanager
    async def slot(self, host: str) -> AsyncIterator[None]:
        """Wait for the host's turn, then for a free slot of all; hold both for the block.

        In this order, so that images of one slow host never hold the slots of the others.
        """
        state = self._state(host)
        async with state.slots:
            await self._until_welcome(state)
            async with self._total:
                yield

    @asynccontextmanager
    async def turn(self, host: str) -> AsyncIterator[None]:
        """Wait until a request to the host may begin, and hold the turn for the block.

        For the first request of an image, before it takes what others need as well: those of a
        host that is slow, or asked for a pause, wait here with nothing in their hands. Not for its
        redirects, which must not wait for those that wait.
        """
        state = self._state(host)
        async with state.turns:
            await self._until_welcome(state)
            yield

    @asynccontextmanager
    async def arriving(self, host: str, size: int) -> AsyncIterator[None]:
        """Wait until so many bytes may be on their way from the host, for the block. More than it
        may have at all are on their way alone."""
        async with self._state(host).arriving.hold(size):
            yield

    def pause(self, host: str) -> float:
        """Seconds for which the host asked not to be asked; not more than 0 when it did not."""
        return self._state(host).not_before - asyncio.get_running_loop().time()

    def is_free(self, host: str) -> bool:
        """Whether a turn is to be had at once, but for a pause."""
        return not self._state(host).turns.locked()

    def hold_off(self, host: str, seconds: float) -> None:
        """The host asked for a pause, so the other images of it wait as well."""
        state = self._state(host)
        state.not_before = max(state.not_before, asyncio.get_running_loop().time() + seconds)

    async def _until_welcome(self, state: _Host) -> None:
        """The pause may be prolonged while it is waited for."""
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
