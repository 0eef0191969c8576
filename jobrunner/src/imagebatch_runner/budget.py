"""A weighted semaphore in arrival order: bytes held, pixels decoded."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Budget:
    """At most ``capacity`` units are out at once.

    A weight over the capacity counts as all of it: such an image waits until it is alone, instead
    of for ever. First come, first served, so a large one is not overtaken until it starves.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._free = capacity
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def free(self) -> int:
        return self._free

    @asynccontextmanager
    async def hold(self, weight: int) -> AsyncIterator[None]:
        """Hold ``weight`` units for the block."""
        taken = await self.take(weight)
        try:
            yield
        finally:
            self.give(taken)

    async def take(self, weight: int) -> int:
        """Wait for ``weight`` units; the answer is what must be given back."""
        weight = min(weight, self._capacity)
        if not self._waiting and weight <= self._free:
            self._free -= weight
            return weight
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (weight, turn)
        self._waiting.append(entry)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give(weight)  # it had been granted in the same moment
            else:
                self._waiting.remove(entry)
                self._grant()
            raise
        return weight

    def give(self, weight: int) -> None:
        """Give back what :meth:`take` answered."""
        self._free += weight
        self._grant()

    def _grant(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._free:
            weight, turn = self._waiting.popleft()
            self._free -= weight
            turn.set_result(None)
