"""The step ``compress``: one shard, from its file of URLs to its recorded parts.

Fetching, compressing and storing overlap: a window of images is under way at once, each going
through its own stages, with every stage bounded by itself. An image is stored before it is
recorded, so what is recorded is there; what was under way when the process died is done again, at
most one part's worth.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Final

from imagebatch_core.errors import ImageBatchError
from imagebatch_core.results import Earlier, ErrorCode, ImageResult, ImageStatus, ShardItem
from imagebatch_runner.failures import ImageFailed, ObjectNotTaken
from imagebatch_runner.fetch.claims import Claim, Claims
from imagebatch_runner.fetch.fetcher import Fetcher
from imagebatch_runner.fetch.host_queues import HostQueues
from imagebatch_runner.fetch.s3_images import S3Images
from imagebatch_runner.fetch.web import open_session
from imagebatch_runner.workers.decoders import DecoderPool

from . import sharding
from .batch import Batch
from .image import Done, ImageWork, Unchanged, codec_options
from .parts import PartWriter, Place, next_number, read_part
from .takeover import take_over

log = logging.getLogger(__name__)

#: Share of the grace period that images under way get; the rest is for recording them.
_UNDER_WAY: Final = 2 / 3
#: Images that wait for their next attempt beside the window, at most: each is a task that sleeps.
_ASIDE: Final = 1000

OnResult = Callable[[ImageResult], None]


@dataclass(slots=True)
class ShardOutcome:
    """``skipped`` were recorded before; ``interrupted`` says that ``images`` are not all done."""

    images: int
    skipped: int
    done: int = 0
    failed: int = 0
    interrupted: bool = field(default=False)


async def compress(
    batch: Batch,
    shard: int,
    writer: str,
    stop: asyncio.Event,
    on_result: OnResult = lambda _result: None,
) -> ShardOutcome:
    """Do all images of a shard that are not recorded yet.

    ``writer`` names this process in its parts' keys. When ``stop`` is set, no host is asked any
    more, images under way get two thirds of the grace period, and what is done is recorded in the
    rest of it.

    Raises:
        StorageUnavailable, StorageRefused: results cannot be recorded.
    """
    part_keys = await asyncio.to_thread(batch.storage.keys, batch.keys.shard_results(shard))
    images, left = await _not_recorded(batch, shard, part_keys, on_result)
    outcome = ShardOutcome(images, skipped=images - len(left))
    log.info("shard %d: %d images, %d recorded before", shard, images, outcome.skipped)
    if not left:
        return outcome
    settings = batch.settings
    parts = PartWriter(
        batch.storage,
        lambda number: batch.keys.part(shard, writer, number),
        first=next_number(part_keys, batch.keys, shard, writer),
        images=settings.part_images,
        seconds=settings.part_seconds,
    )
    async with (
        open_session(settings, batch.credentials) as session,
        _s3_images(batch) as s3,
        DecoderPool(
            settings.shares.decoders,
            timeout=settings.decoder_seconds,
            memory=settings.shares.decoder_memory,
        ) as decoders,
    ):
        fetcher = Fetcher(session, settings, batch.job.retries, s3=s3, files=batch.files)
        work = ImageWork(
            fetcher,
            decoders,
            codec_options(batch.job.output, settings),
            settings,
        )
        queues = fetcher.queues(_by_url(left))
        run = _ShardRun(batch, work, parts, queues, stop=stop, outcome=outcome, on_result=on_result)
        await _unwrapped(run.all(min(settings.fetch_window, len(left))))
    return outcome


async def _not_recorded(
    batch: Batch, shard: int, part_keys: list[str], on_result: OnResult
) -> tuple[int, list[ShardItem]]:
    """How many images the shard has, and those that are left; of the recorded ones, which may be
    many, nothing is kept."""
    data = await asyncio.to_thread(batch.storage.get, batch.keys.shard(shard))
    if data is None:
        raise ImageBatchError(f"there is no shard {shard}; was the batch planned?")
    recorded: set[Place] = set()
    for key in part_keys:
        for result in await asyncio.to_thread(read_part, batch.storage, key):
            place = (result.row, result.position)
            if place not in recorded:
                recorded.add(place)
                on_result(result)
    items = sharding.from_lines(data)
    return len(items), [item for item in items if (item.row, item.position) not in recorded]


def _s3_images(batch: Batch) -> AbstractAsyncContextManager[S3Images | None]:
    return nullcontext() if batch.s3 is None else S3Images(batch.s3, batch.settings)


async def _unwrapped(work: Awaitable[None]) -> None:
    """Await, giving out the first error of a task group as itself."""
    try:
        await work
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error from None


class _ShardRun:
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
    ) -> None:
        self._batch = batch
        self._work = work
        self._parts = parts
        self._queues = queues
        self._stop = stop
        self._outcome = outcome
        self._on_result = on_result
        self._unrecorded = Claims(batch.settings.part_images, self._step_aside)
        self._claims: dict[asyncio.Task[None], Claim] = {}
        self._window: set[asyncio.Task[None]] = set()
        self._begin: Callable[[], None] = lambda: None
        self._aside = 0

    async def all(self, window: int) -> None:
        """So many images under way at once, until none is left."""
        try:
            async with asyncio.timeout(None) as clock, asyncio.TaskGroup() as tasks:
                self._begin = lambda: self._window.add(tasks.create_task(self._take()))
                for _ in range(window):
                    self._begin()
                tasks.create_task(self._parts.run())
                ending = tasks.create_task(self._end_early(clock))
                while self._window:
                    ended, _ = await asyncio.wait(self._window)
                    self._window -= ended
                ending.cancel()
                self._parts.close()
        except TimeoutError:
            log.warning("the store did not take the last results before the grace period's end")
        done = self._outcome.skipped + self._parts.recorded
        self._outcome.interrupted = done < self._outcome.images

    async def _take(self) -> None:
        """A place in the window: one image after another, until one stepped aside."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - this is one
        while not self._stop.is_set():
            found = await self._queues.next()
            if found is None or self._stop.is_set():
                return
            claim = self._claims[task] = self._unrecorded.claim()
            await self._group(*found, claim)
            del self._claims[task]
            if claim.aside:
                self._aside -= 1
                return

    def _step_aside(self) -> bool:
        """An image waits for its next attempt: its place in the window goes to another."""
        if self._aside >= _ASIDE:
            return False
        self._aside += 1
        self._begin()
        return True

    async def _end_early(self, clock: asyncio.Timeout) -> None:
        """After the signal: no further request, a while for the images under way, then the rest
        of the grace period for recording them."""
        await self._stop.wait()
        log.info("interrupted: no further image is begun")
        grace = self._batch.settings.grace_seconds
        clock.reschedule(asyncio.get_running_loop().time() + grace)
        self._unrecorded.end()
        for task in self._window:
            if task not in self._claims or not self._claims[task].asked:
                task.cancel()  # it waits for its turn, or for its next attempt
        if self._window:
            _, pending = await asyncio.wait(self._window, timeout=grace * _UNDER_WAY)
            for task in pending:
                task.cancel()

    async def _group(self, url: str, items: list[ShardItem], claim: Claim) -> None:
        """All places that name this URL: fetched and compressed once, stored for each."""
        try:
            gone = await self._done(url, items, items[0].earlier, claim)
            if gone:
                log.info("%d earlier outputs of %s are gone: made anew", len(gone), url)
                items = gone
                await self._done(url, items, None, claim)
        except ImageFailed as failure:
            failure.message = self._batch.credentials.redacted(failure.message)
            for item in items:
                self._record(_failed(item, failure))
        finally:
            self._parts.ended(claim)

    async def _done(
        self, url: str, items: list[ShardItem], earlier: Earlier | None, claim: Claim
    ) -> list[ShardItem]:
        """Those items whose earlier output is gone; all others are recorded."""
        async with self._work.done(url, earlier, claim) as done:
            if isinstance(done, Unchanged):
                return [item for item in items if not await self._taken_over(item, done)]
            for item in items:
                self._record(await self._stored(item, done))
            return []

    async def _taken_over(self, item: ShardItem, source: Unchanged) -> bool:
        """Whether the earlier output was still there and is this batch's now."""
        result = await take_over(self._batch, item, source)
        if result is not None:
            self._record(result)
        return result is not None

    async def _stored(self, item: ShardItem, done: Done) -> ImageResult:
        image = done.compressed
        key = self._batch.keys.image(item.row, item.position, image.sha256, image.kind.extension)
        witness = self._batch.keys.probe(image.sha256)
        try:
            await self._batch.storage.put_image(key, image.data, witness)
        except ObjectNotTaken as error:
            return ImageResult.failure(
                item,
                ErrorCode.STORAGE_FAILED,
                str(error),
                http_status=done.http_status,
                attempts=done.attempts,
            )
        return ImageResult(
            row=item.row,
            position=item.position,
            input_url=item.url,
            status=ImageStatus.KEPT if image.kept else ImageStatus.SUCCEEDED,
            output_url=self._batch.settings.output_url(key),
            output_key=key,
            http_status=done.http_status,
            attempts=done.attempts,
            bytes_in=done.bytes_in,
            bytes_out=len(image.data),
            width=image.width,
            height=image.height,
            source_sha256=image.source_sha256,
            etag=done.validators.etag,
            last_modified=done.validators.last_modified,
            final_url_sha256=done.validators.final_url_sha256,
        )

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


def _by_url(items: list[ShardItem]) -> dict[str, list[ShardItem]]:
    groups: dict[str, list[ShardItem]] = {}
    for item in items:
        groups.setdefault(item.url, []).append(item)
    return groups
