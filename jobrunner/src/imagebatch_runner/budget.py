"""A weighted semaphore, first come, first served: for bytes in memory and pixels in decoding."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Budget:
    """A budget of ``capacity`` units, granted in the order of the requests.

    A weight over the capacity counts as the capacity: such an image waits until it is alone. A
    small image never overtakes a large one; otherwise the large one could wait for ever.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._free = capacity
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._settled = asyncio.Event()
        self._settled.set()

    @property
    def free(self) -> int:
        """Units that are not taken; negative while the budget is overdrawn."""
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
        """Wait for ``weight`` units and return how many to give back."""
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
                self.give(weight)  # it was granted before the cancellation arrived
            else:
                with contextlib.suppress(ValueError):  # a grant has removed it already
                    self._waiting.remove(entry)
                self._grant()
            raise
        return weight

    def give(self, weight: int) -> None:
        """Give back units that were taken or overdrawn."""
        self._free += weight
        if self._free >= 0:
            self._settled.set()
        self._grant()

    def overdraw(self, weight: int) -> None:
        """Take ``weight`` units at once, even if they are not free: the memory is in use already.

        The caller must wait for :meth:`settled` before its next step, which bounds the overdraft.
        """
        self._free -= weight
        if self._free < 0:
            self._settled.clear()

    async def settled(self) -> None:
        """Wait until the budget is not overdrawn any more.

        This does not queue behind calls of :meth:`take`, which may wait for the caller's units.
        """
        await self._settled.wait()

    def _grant(self) -> None:
        while self._waiting:
            weight, turn = self._waiting[0]
            if turn.cancelled():  # its task was cancelled and has not run since
                self._waiting.popleft()
            elif weight <= self._free:
                self._waiting.popleft()
                self._free -= weight
                turn.set_result(None)
            else:
                return


class Hold:
    """Units of a budget that stay taken after the function that took them has returned."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._weight = 0

    async def take(self, weight: int) -> None:
        self._weight = await self._budget.take(weight)

    async def settled(self) -> None:
        await self._budget.settled()

    def grow(self, weight: int) -> None:
        """Take more units without waiting; see :meth:`Budget.overdraw`."""
        self._budget.overdraw(weight)
        self._weight += weight

    def shrink(self, weight: int) -> None:
        """Keep ``weight`` units and give back the rest."""
        surplus = self._weight - weight
        if surplus > 0:
            self._weight = weight
            self._budget.give(surplus)

    def release(self) -> None:
        self._budget.give(self._weight)
        self._weight = 0
