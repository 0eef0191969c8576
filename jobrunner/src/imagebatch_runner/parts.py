"""The recorded parts of a shard: progress, checkpoint and result in one.

A part is written once, under a name that holds its writer, and never again; a shard that is begun
anew reads all of them and skips what they record. Two pods on one shard for a moment are harmless:
the first part in key order wins, for everybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from imagebatch_core.keys import BatchKeys
from imagebatch_core.results import ImageResult

from .storage import Storage

Place = tuple[int, int]
"""Row and position, both 1-based."""


def read_parts(
    storage: Storage, keys: BatchKeys, shard: int, part_keys: Iterable[str] | None = None
) -> dict[Place, ImageResult]:
    """What is recorded of a shard; of several results for a place the first in key order.

    ``part_keys``, sorted, saves the listing where it was done already.
    """
    found: dict[Place, ImageResult] = {}
    for key in storage.keys(keys.shard_results(shard)) if part_keys is None else part_keys:
        for line in (storage.get(key) or b"").splitlines():
            result = ImageResult.from_line(line)
            found.setdefault((result.row, result.position), result)
    return found


def next_number(part_keys: Iterable[str], keys: BatchKeys, shard: int, writer: str) -> int:
    """The first number that this writer has not used: normally 0, as a pod runs once."""
    used = 0
    existing = set(part_keys)
    while keys.part(shard, writer, used) in existing:
        used += 1
    return used


class PartWriter:
    """Records results: a part as soon as ``images`` are there, else every ``seconds``."""

    def __init__(
        self,
        storage: Storage,
        key: Callable[[int], str],
        *,
        first: int,
        images: int,
        seconds: float,
    ) -> None:
        """``key`` names the n-th part of this writer; ``first`` is the number of the next one."""
        self._storage = storage
        self._key = key
        self._images = images
        self._seconds = seconds
        self._pending: list[ImageResult] = []
        self._number = first
        self._writing = asyncio.Lock()

    async def add(self, result: ImageResult) -> None:
        """Record a result whose image, if it has one, is already stored."""
        self._pending.append(result)
        if len(self._pending) >= self._images:
            await self.flush()

    async def flush(self) -> None:
        """Write what is pending; after it, all that was added is recorded."""
        async with self._writing:
            if not self._pending:
                return
            part, self._pending = self._pending, []
            body = "".join(result.to_line() for result in part).encode()
            number, self._number = self._number, self._number + 1
            try:
                await self._storage.put_async(self._key(number), body)
            except BaseException:
                self._pending = part + self._pending
                raise

    async def flush_regularly(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(self._seconds)
            await self.flush()
