"""Fetch no faster than images are decoded: the images that wait for a decoder are only a few.

Otherwise the whole window of a shard is fetched at once and waits in memory, and at the end of the
shard the host has nothing to do while the window is decoded.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class Backlog:
    """Counts the images that are fetched and wait for a decoder; ``enough`` of them hold up further
    requests."""

    def __init__(self, enough: int) -> None:
        self.enough = enough
        self._waiting = 0
        self._held: deque[asyncio.Future[None]] = deque()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count an image during the block, in which it waits for a decoder."""
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1
            if self._waiting < self.enough:
                self._let_go()

    async def room(self, *, held: bool = False) -> None:
        """Wait while enough images wait. Each image that gets a decoder lets one caller go on.

        A caller that is ``held`` waits for that in any case.
        """
        if self._waiting < self.enough and not held:
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._held.append(turn)
        try:
            await turn
        finally:
            with contextlib.suppress(ValueError):
                self._held.remove(turn)

    def let_all_go(self) -> None:
        """Let all callers of :meth:`room` go on: there is nothing more to fetch."""
        while self._held:
            self._let_go()

    def _let_go(self) -> None:
        while self._held:
            turn = self._held.popleft()
            if not turn.done():
                turn.set_result(None)
                return
