"""The images of a shard that are not begun yet, one queue per host.

While one host is slow or paused, the images of the other hosts go on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, Generic, TypeVar

T = TypeVar("T")

#: Longest sleep in seconds while every host that is left is paused: a pause may end early.
_LOOK_AGAIN: Final = 1.0


class HostQueues(Generic[T]):
    """Gives out each URL once, with its item. Those of one host come in their order.

    ``pause`` tells how many seconds a host's pause still lasts, ``free`` whether a request to it
    could begin at once.
    """

    def __init__(
        self,
        items: Mapping[str, T],
        *,
        host: Callable[[str], str | None],
        pause: Callable[[str], float],
        free: Callable[[str], bool],
    ) -> None:
        """``host`` tells a URL's host; ``None`` for one that waits for no host."""
        self._pause = pause
        self._free = free
        queues: dict[str | None, deque[tuple[str, T]]] = {}
        for url, item in items.items():
            queues.setdefault(host(url), deque()).append((url, item))
        self._queues = deque(queues.items())

    async def next(self) -> tuple[str, T] | None:
        """An image of a host that is free, else one of a host that is not paused; ``None`` when
        all are given out. Waits while every host that is left is paused."""
        while self._queues:
            found = self._first(self._is_free) or self._first(self._is_welcome)
            if found is not None:
                return found
            pauses = [self._pause(host) for host, _ in self._queues if host is not None]
            await asyncio.sleep(min([_LOOK_AGAIN, *pauses]))
        return None

    def _is_welcome(self, host: str | None) -> bool:
        return host is None or self._pause(host) <= 0

    def _is_free(self, host: str | None) -> bool:
        return host is None or (self._pause(host) <= 0 and self._free(host))

    def _first(self, fits: Callable[[str | None], bool]) -> tuple[str, T] | None:
        """The next image of the first host that fits; that host then moves to the end."""
        for _ in range(len(self._queues)):
            host, queue = self._queues[0]
            if not fits(host):
                self._queues.rotate(-1)
                continue
            found = queue.popleft()
            self._queues.popleft()
            if queue:
                self._queues.append((host, queue))
            return found
        return None
