"""A weighted semaphore in arrival order: bytes held, pixels decoded."""

from __future__ import annotations

import asyncio
import contextlib
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
        self._settled = asyncio.Event()
        self._settled.set()

    @property
    def free(self) -> int:
        """Negative while it is overdrawn."""
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
                with contextlib.suppress(ValueError):  # passed over by a grant meanwhile
                    self._waiting.remove(entry)
                self._grant()
            raise
        return weight

    def give(self, weight: int) -> None:
        """Give back what :meth:`take` answered, or what was overdrawn."""
        self._free += weight
        if self._free >= 0:
            self._settled.set()
        self._grant()

    def overdraw(self, weight: int) -> None:
        """Take at once, whether it is there or not: for what exists already. Whoever may do so
        waits for :meth:`settled` before, which bounds how far it goes."""
        self._free -= weight
        if self._free < 0:
            self._settled.clear()

    async def settled(self) -> None:
        """Wait until nothing is overdrawn. Not behind those who wait to take: they may wait for
        the one who calls this."""
        await self._settled.wait()

    def _grant(self) -> None:
        while self._waiting:
            weight, turn = self._waiting[0]
            if turn.cancelled():  # its task was cancelled, and has not run since
                self._waiting.popleft()
            elif weight <= self._free:
                self._waiting.popleft()
                self._free -= weight
                turn.set_result(None)
            else:
                return


class Hold:
    """A share of a budget that outlives the function which took it."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._weight = 0

    async def take(self, weight: int) -> None:
        self._weight = await self._budget.take(weight)

    async def settled(self) -> None:
        await self._budget.settled()

    def grow(self, weight: int) -> None:
        """Without waiting; see :meth:`Budget.overdraw`."""
        self._budget.overdraw(weight)
        self._weight += weight

    def shrink(self, weight: int) -> None:
        """Keep no more than ``weight``."""
        surplus = self._weight - weight
        if surplus > 0:
            self._weight = weight
            self._budget.give(surplus)

    def release(self) -> None:
        self._budget.give(self._weight)
        self._weight = 0
