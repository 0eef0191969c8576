"""Queues of the images of a shard that have not begun yet, one queue per host.

While one host is slow or backs off, the images of the other hosts go on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, Generic, TypeVar

T = TypeVar("T")

#: Longest sleep in seconds while every remaining host backs off; then the queues check again.
_LOOK_AGAIN: Final = 1.0


class HostQueues(Generic[T]):
    """Gives out each URL once, with its item. The URLs of one host keep their order.

    ``pause`` returns the seconds until a host's back-off ends; ``free`` returns whether a request
    to it could begin at once.
    """

    def __init__(
        self,
        items: Mapping[str, T],
        *,
        host: Callable[[str], str | None],
        pause: Callable[[str], float],
        free: Callable[[str], bool],
    ) -> None:
        """Queue ``items`` by host; ``host`` returns a URL's host, ``None`` if it waits for none."""
        self._pause = pause
        self._free = free
        queues: dict[str | None, deque[tuple[str, T]]] = {}
        for url, item in items.items():
            queues.setdefault(host(url), deque()).append((url, item))
        self._queues = deque(queues.items())

    async def next(self) -> tuple[str, T] | None:
        """Return the next URL and its item; ``None`` when all are given out.

        Hosts that are free come first, then those that do not back off. While every remaining host
        backs off, this waits.
        """
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
        """Return the next image of the first host for which ``fits`` is true, and move that host to
        the end; ``None`` if there is no such host."""
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
