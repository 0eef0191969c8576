"""Claims bound how many images are fetched and not yet recorded: what a killed shard fetches again.

An image takes a claim before its host is asked. It releases the claim when its result is recorded
in a part, or while it waits for its next attempt. There are as many claims as a part has images, so
a shard that is killed at any moment fetches at most one part's worth again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Claims:
    """The ``limit`` claims of one shard."""

    def __init__(self, limit: int, step_aside: Callable[[], bool] = lambda: False) -> None:
        """``step_aside`` is called when an image begins to wait for its next attempt. It tells
        whether another image was begun in its place."""
        self.free = asyncio.Semaphore(limit)
        self.step_aside = step_aside
        self.ended = False

    def claim(self) -> Claim:
        """A claim that is not taken yet."""
        return Claim(self)

    def end(self) -> None:
        """From now on no image is tried again: see :meth:`Claim.again`."""
        self.ended = True


class Claim:
    """One image's claim.

    ``asked`` says whether its host was asked: if not, there is nothing to record. ``aside`` says
    whether another image was begun in its place while it waited.
    """

    def __init__(self, claims: Claims) -> None:
        self._claims = claims
        self.taken = False
        self.asked = False
        self.aside = False

    async def take(self) -> None:
        """Wait for a free claim; returns at once when this one is taken already."""
        if not self.taken:
            await self._claims.free.acquire()
            self.taken = True

    def ask(self) -> None:
        """Record that the host is about to be asked."""
        self.asked = True

    def again(self) -> None:
        """Release the claim while the image waits for its next attempt.

        After :meth:`Claims.end` this cancels the image's task instead, as all waiting ones were
        cancelled: the image stays unrecorded, and the next pod fetches it.
        """
        self.give_back()
        task = asyncio.current_task()
        if self._claims.ended and task is not None:
            task.cancel()
        elif not self.aside:
            self.aside = self._claims.step_aside()

    def give_back(self) -> None:
        """Release the claim: the image is recorded, or must be fetched again in any case."""
        self.asked = False
        if self.taken:
            self.taken = False
            self._claims.free.release()
