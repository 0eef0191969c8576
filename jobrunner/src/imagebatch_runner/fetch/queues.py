"""The images of a shard that are not begun yet, in one queue for each host.

A catalogue of several hosts then goes on at the pace of those that answer, while one of them is
slow or has asked for a pause.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, Generic, TypeVar

T = TypeVar("T")

#: Seconds after which a host that asked for a pause is looked at again, should the pause be longer.
_LOOK_AGAIN: Final = 1.0


class HostQueues(Generic[T]):
    """Gives out each URL once, with what belongs to it; of one host in the order they came in.

    ``pause`` tells for how many seconds a host is not to be asked, ``free`` whether a request to
    it could begin at once.
    """

    def __init__(
        self,
        items: Mapping[str, T],
        *,
        host: Callable[[str], str | None],
        pause: Callable[[str], float],
        free: Callable[[str], bool],
    ) -> None:
        """``host`` is that of a URL; ``None`` where nobody has to be waited for."""
        self._pause = pause
        self._free = free
        queues: dict[str | None, deque[tuple[str, T]]] = {}
        for url, item in items.items():
            queues.setdefault(host(url), deque()).append((url, item))
        self._queues = deque(queues.items())

    async def next(self) -> tuple[str, T] | None:
        """One whose host is free, else one whose host may be asked; ``None`` when all are given
        out. Waits while every host that is left asked for a pause."""
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
        """The next of the first host that fits, which goes to the end of the row."""
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
