"""How much a kill may cost: the images that were fetched and are not recorded yet.

Each image takes a claim before its host is asked, and gives it back when its result lies in a part
(or while it waits for its next attempt). The claims are as many as a part has images, so a shard
that is killed at any moment fetches at most one part's worth again.
"""

from __future__ import annotations

import asyncio


class Unrecorded:
    """``limit`` claims for the images of one shard."""

    def __init__(self, limit: int) -> None:
        self._free = asyncio.Semaphore(limit)

    def claim(self) -> Claim:
        """A claim that is not taken yet."""
        return Claim(self._free)


class Claim:
    """One image's place among those that a kill would cost.

    ``asked`` says whether its host was asked already: only then there is something to record.
    """

    def __init__(self, free: asyncio.Semaphore) -> None:
        self._free = free
        self._taken = False
        self.asked = False

    async def take(self) -> None:
        """Wait until fewer than the limit are fetched and unrecorded; at once when taken before."""
        if not self._taken:
            await self._free.acquire()
            self._taken = True

    def ask(self) -> None:
        """The host is about to be asked."""
        self.asked = True

    def give_back(self) -> None:
        """The image is recorded, or has to be fetched anew in any case."""
        self.asked = False
        if self._taken:
            self._taken = False
            self._free.release()
