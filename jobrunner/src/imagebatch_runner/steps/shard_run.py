"""Run the images of a shard: a window of them at once, until all are done or a stop is requested.

Fetching, compressing and storing overlap. Each image goes through these stages independently, and
every stage has its own limit.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Set
from dataclasses import dataclass
from typing import Final

from imagebatch_core.results import ImageResult, ImageStatus, ShardItem, StoredOutput
from imagebatch_core.shown_url import shown_url
from imagebatch_runner.failures import ImageFailed
from imagebatch_runner.fetch.claims import Claim, Claims
from imagebatch_runner.fetch.host_queues import HostQueues

from .batch import Batch, OnResult
from .image import ImageWork, UnchangedImage
from .kept_sources import KeptSources
from .outputs import Outputs
from .parts import PartWriter, Place

log = logging.getLogger(__name__)

#: Share of the grace period for the images at work; the rest is for recording their results.
_GRACE_AT_WORK: Final = 2 / 3
#: Most images that wait for a retry in addition to the images in the window: each is a task.
_MOST_WAITING: Final = 1000


@dataclass(slots=True)
class ShardOutcome:
    """The outcome of a run over a shard.

    Of the shard's ``images``, ``skipped`` were recorded before. ``done`` and ``failed`` count the
    images of this run; failed images are also done. ``interrupted`` says that some images are left.
    """

    images: int
    skipped: int
    done: int = 0
    failed: int = 0
    interrupted: bool = False


class ShardRun:
    """One run over the images of a shard that are not recorded yet."""

    def __init__(
        self,
        batch: Batch,
        work: ImageWork,
        parts: PartWriter,
        queues: HostQueues[list[ShardItem]],
        *,
        stop: asyncio.Event,
        outcome: ShardOutcome,
        on_result: OnResult,
        kept: KeptSources,
        elsewhere: Set[Place] = frozenset(),
    ) -> None:
        """``elsewhere`` are the places that other pods have recorded; it may grow meanwhile."""
        self._batch = batch
        self._work = work
        self._parts = parts
        self._queues = queues
        self._stop = stop
        self._outcome = outcome
        self._on_result = on_result
        self._outputs = Outputs(batch)
        self._kept = kept
        self._elsewhere = elsewhere
        self._claims = Claims(batch.settings.part_images, self._begin_another)
        self._claim_of: dict[asyncio.Task[None], Claim] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._begin_task: Callable[[bool], None] = lambda _held: None
        self._waiting = 0

    async def run(self, window: int) -> None:
        """Work on ``window`` images at once, until none is left or a stop is requested.

        Raises:
            StorageUnavailable, StorageRefused: results cannot be recorded.
        """
        try:
            async with asyncio.timeout(None) as clock, asyncio.TaskGroup() as group:
                self._begin_task = lambda held: self._tasks.add(
                    group.create_task(self._work_off(held))
                )
                at_once = self._batch.settings.fetch_concurrency + self._work.backlog.enough
                for number in range(window):
                    self._begin_task(number >= at_once)
                group.create_task(self._parts.run())
                ending = group.create_task(self._end_on_stop(clock))
                while self._tasks:
                    ended, _ = await asyncio.wait(self._tasks)
                    self._tasks -= ended
                ending.cancel()
                self._parts.close()
        except TimeoutError:
            log.warning("the store did not take the last results before the grace period was over")
        except BaseExceptionGroup as group:
            raise _first_error(group) from None
        done = self._outcome.skipped + self._parts.recorded
        self._outcome.interrupted = done < self._outcome.images

    async def _work_off(self, held: bool) -> None:
        """Work on one URL after another; begin, if ``held``, only once the decoders need more.

        The loop ends when no URL is left, at a stop, or after a URL that another task replaced
        while it waited for a retry.
        """
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - this is one
        while not self._stop.is_set():
            await self._work.backlog.room(held=held)
            held = False
            found = await self._queues.next()
            if found is None or self._stop.is_set():
                self._work.backlog.let_all_go()
                return
            _, items = found
            if all((item.row, item.position) in self._elsewhere for item in items):
                self._outcome.skipped += len(items)
                continue
            claim = self._claim_of[task] = self._claims.claim()
            await self._do_url(*found, claim)
            del self._claim_of[task]
            if claim.aside:
                self._waiting -= 1
                return

    def _begin_another(self) -> bool:
        """Begin a task in place of a task whose image waits for a retry.

        Return ``False``, without a new task, if too many images wait already.
        """
        if self._waiting >= _MOST_WAITING:
            return False
        self._waiting += 1
        self._begin_task(False)
        return True

    async def _end_on_stop(self, clock: asyncio.Timeout) -> None:
        """Wait for a stop; then send no further request and end within the grace period."""
        await self._stop.wait()
        log.info("interrupted: no further image is begun")
        grace = self._batch.settings.grace_seconds
        clock.reschedule(asyncio.get_running_loop().time() + grace)
        self._claims.end()
        for task in self._tasks:
            if task not in self._claim_of or not self._claim_of[task].asked:
                task.cancel()  # it waits for its turn or for a retry
        if self._tasks:
            _, pending = await asyncio.wait(self._tasks, timeout=grace * _GRACE_AT_WORK)
            for task in pending:
                task.cancel()

    async def _do_url(self, url: str, items: list[ShardItem], claim: Claim) -> None:
        """Fetch and compress a URL once, and record a result for each place that names it."""
        try:
            gone = await self._record_images(url, items, items[0].earlier, claim)
            if gone:
                shown = shown_url(url)
                log.info("%d earlier outputs of %s are gone: compress it again", len(gone), shown)
                items = gone
                await self._record_images(url, items, None, claim)
        except ImageFailed as failure:
            failure.message = self._batch.credentials.redacted(failure.message)
            for item in items:
                self._record(_failed(item, failure))
        finally:
            self._parts.release_when_recorded(claim)

    async def _record_images(
        self, url: str, items: list[ShardItem], earlier: StoredOutput | None, claim: Claim
    ) -> list[ShardItem]:
        """Process the URL and record a result for each of ``items``.

        Return the items whose earlier output is gone; they are not recorded.
        """
        gone: list[ShardItem] = []
        async with self._work.image(url, earlier, claim) as image:
            for item in items:
                if isinstance(image, UnchangedImage):
                    result = await self._outputs.take_over(item, image)
                else:
                    result = await self._outputs.put(item, image)
                    await self._kept.keep(image, result)
                if result is None:
                    gone.append(item)
                else:
                    self._record(result)
        return gone

    def _record(self, result: ImageResult) -> None:
        self._parts.add(result)
        self._outcome.done += 1
        self._outcome.failed += result.status is ImageStatus.FAILED
        self._on_result(result)


def _failed(item: ShardItem, failure: ImageFailed) -> ImageResult:
    return ImageResult.failure(
        item,
        failure.code,
        failure.message,
        http_status=failure.http_status,
        attempts=failure.attempts,
    )


def _first_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first error in a group of a task group, which callers need not know of."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
