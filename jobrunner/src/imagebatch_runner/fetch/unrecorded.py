"""How much a kill may cost: the images that were fetched and are not recorded yet.

Each image takes a claim before its host is asked, and gives it back when its result lies in a part
(or while it waits for its next attempt, for which it also steps aside). The claims are as many as a
part has images, so a shard that is killed at any moment fetches at most one part's worth again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Unrecorded:
    """``limit`` claims for the images of one shard."""

    def __init__(self, limit: int, step_aside: Callable[[], bool] = lambda: False) -> None:
        """``step_aside`` is asked once for each image that waits for its next attempt: whether
        another may be begun in its place."""
        self.free = asyncio.Semaphore(limit)
        self.step_aside = step_aside
        self.ended = False

    def claim(self) -> Claim:
        """A claim that is not taken yet."""
        return Claim(self)

    def end(self) -> None:
        """No image is tried again: see :meth:`Claim.again`."""
        self.ended = True


class Claim:
    """One image's place among those that a kill would cost.

    ``asked`` says whether its host was asked already: only then there is something to record;
    ``aside`` whether another image was begun in its place.
    """

    def __init__(self, of: Unrecorded) -> None:
        self._of = of
        self.taken = False
        self.asked = False
        self.aside = False

    async def take(self) -> None:
        """Wait until fewer than the limit are fetched and unrecorded; at once when taken before."""
        if not self.taken:
            await self._of.free.acquire()
            self.taken = True

    def ask(self) -> None:
        """The host is about to be asked."""
        self.asked = True

    def again(self) -> None:
        """Its attempt failed, and its host would be asked again after a wait. At the end the task
        is cancelled instead, as those are which wait already: the image stays unrecorded."""
        self.give_back()
        task = asyncio.current_task()
        if self._of.ended and task is not None:
            task.cancel()
        elif not self.aside:
            self.aside = self._of.step_aside()

    def give_back(self) -> None:
        """The image is recorded, or has to be fetched anew in any case."""
        self.asked = False
        if self.taken:
            self.taken = False
            self._of.free.release()
