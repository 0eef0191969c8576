"""Claims limit how many images are fetched but not yet recorded.

A killed shard has to fetch these again. An image takes a claim before the request to its host. It
releases the claim when its result is recorded in a part, or while it waits for a retry. There are
as many claims as a part has images, so a shard that is killed at any moment fetches at most as many
images again as one part holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Claims:
    """The ``limit`` claims of one shard."""

    def __init__(self, limit: int, step_aside: Callable[[], bool] = lambda: False) -> None:
        """Make ``limit`` claims.

        ``step_aside`` is called when an image begins to wait for a retry. It returns whether
        another image was begun in its place.
        """
        self.free = asyncio.Semaphore(limit)
        self.step_aside = step_aside
        self.ended = False

    def claim(self) -> Claim:
        """Return a claim that is not taken yet."""
        return Claim(self)

    def end(self) -> None:
        """Allow no retry from now on: see :meth:`Claim.again`."""
        self.ended = True


class Claim:
    """The claim of one image.

    ``asked`` says whether a request was sent to its host: if not, there is nothing to record.
    ``aside`` says whether another image was begun in its place while it waited for a retry.
    """

    def __init__(self, claims: Claims) -> None:
        self._claims = claims
        self.taken = False
        self.asked = False
        self.aside = False

    async def take(self) -> None:
        """Wait for a free claim and take it; return at once if this one is taken already."""
        if not self.taken:
            await self._claims.free.acquire()
            self.taken = True

    def ask(self) -> None:
        """Record that the request to the host is sent now."""
        self.asked = True

    def again(self) -> None:
        """Release the claim while the image waits for a retry.

        After :meth:`Claims.end` this cancels the image's task instead, as the tasks of all waiting
        images were cancelled: the image stays unrecorded, and the next pod fetches it.
        """
        self.give_back()
        task = asyncio.current_task()
        if self._claims.ended and task is not None:
            task.cancel()
        elif not self.aside:
            self.aside = self._claims.step_aside()

    def give_back(self) -> None:
        """Release the claim, because the image is recorded or must be fetched again in any case."""
        self.asked = False
        if self.taken:
            self.taken = False
            self._claims.free.release()
