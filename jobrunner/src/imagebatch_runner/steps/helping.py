"""Help with the slowest shard: a pod that has ended its own takes some of its images.

A shard whose host is slow would otherwise hold up the whole batch alone. Nobody hands the images
out. The helper takes some of those that are not recorded, away from the beginning, where the pod of
the shard is; that pod skips what it finds recorded. An image that both do counts once.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence, Set
from contextlib import asynccontextmanager
from typing import Final

from imagebatch_core.progress import PodProgress
from imagebatch_core.results import ImageResult, ShardItem
from imagebatch_core.shard_size import MOST_HELPED, pods_help
from imagebatch_runner.store.documents import Plan

from . import sample, sharding
from .batch import Batch
from .image_tools import ImageTools
from .kept_sources import KeptSources
from .parts import part_writer
from .progress import ProgressCounts, ProgressWriter
from .recorded import RecordedPlaces
from .shard_run import ShardOutcome, ShardRun

log = logging.getLogger(__name__)

#: The fewest images of a shard, besides those that its pod has begun, that are worth helping with.
#: The pod of the shard does the last ones alone, while helpers end.
WORTH: Final = 32
#: The most progress documents that are read to find the slowest shard. Each shard has one of its
#: own pod, and perhaps others: of a pod that was replaced, that helped or that worked ahead.
_MOST_DOCUMENTS: Final = 4 * MOST_HELPED
#: The names of pods that may work on a shard before its own pod begins start with this, in the keys
#: of their parts and progress documents.
AHEAD: Final = "ahead-"
#: Images that a helper takes before it looks again which are left.
CHUNK: Final = 16


def slowest(batch: Batch, plan: Plan, finished: Set[int] = frozenset()) -> int | None:
    """Return the shard with the most images left, other than those of ``finished``.

    A pod may have recorded more than its document says, so a shard may turn out to have nothing
    left. The result is ``None`` if none has many left, or if a shard was not begun: it waits for
    the place of this pod.
    """
    done: Counter[int] = Counter()
    begun: set[int] = set()
    documents = batch.storage.keys(batch.keys.progress)
    if len(documents) > _MOST_DOCUMENTS:
        return None
    for key in documents:
        shard, data = _shard_of(batch, key), batch.storage.get(key)
        done[shard] += PodProgress.model_validate_json(data).totals.images if data else 0
        if not _is_ahead(key):
            begun.add(shard)
    if len(begun) < plan.shards:
        return None
    left = {
        shard: plan.images_of(shard) - done[shard]
        for shard in range(plan.shards)
        if shard not in finished
    }
    most = max(left, key=lambda shard: left[shard], default=None)
    return most if most is not None and left[most] >= WORTH + batch.settings.fetch_window else None


def chosen(left: Sequence[ShardItem], begun: int, chance: random.Random) -> Sequence[ShardItem]:
    """Return some images in a row, of those that are left.

    The pod of the shard has begun about the first ``begun`` of them, and goes on behind these.
    Helpers that choose at the same time seldom choose the same.
    """
    start = chance.randrange(begun, max(begun, len(left) - CHUNK) + 1)
    return left[start : start + CHUNK]


def may_be_helped(batch: Batch, plan: Plan) -> bool:
    """Return whether pods of this batch help each other, so that two may work on one shard.

    The shards of a retry differ in size, so those do not.
    """
    return plan.retry is None and pods_help(plan.shards, batch.job.max_failed_percent)


class Helper:
    """Helps with other shards of the batch; ``writer`` names this process in its parts' keys."""

    def __init__(
        self, batch: Batch, plan: Plan, tools: ImageTools, writer: str, stop: asyncio.Event
    ) -> None:
        self._batch = batch
        self._plan = plan
        self._tools = tools
        self._writer = writer
        self._stop = stop
        self._chance = random.Random(writer)  # noqa: S311 - no secret

    async def run(self) -> None:
        """Compress images of the slowest shards until none has many left, or at a stop.

        Raises:
            StorageUnavailable, StorageRefused: results cannot be read or recorded.
        """
        finished: set[int] = set()
        while not self._stop.is_set():
            shard = await asyncio.to_thread(slowest, self._batch, self._plan, finished)
            if shard is None:
                return
            if not await self._help(shard):
                finished.add(shard)

    async def _help(self, shard: int) -> bool:
        """Help with one shard until few of its images are left.

        Return ``False`` at a stop, or if nothing was left to do.
        """
        begun = self._batch.settings.fetch_window
        helped, whole = 0, True
        async with shard_help(self._batch, self._plan, self._tools, self._writer, shard) as at_work:
            while whole and not self._stop.is_set():
                left = await at_work.left()
                if len(left) < WORTH + begun:
                    break
                some = chosen(left, begun, self._chance)
                whole = not (await at_work.compress(some, self._stop)).interrupted
                helped += len(some)
        log.info("helped with shard %d: %d images", shard, helped, extra={"shard": shard})
        return whole and helped > 0


class ShardHelp:
    """Compresses some images of a shard beside its own pod, and records them in parts of its own.

    ``recorded`` are the places that any pod recorded, as of the last look.
    """

    def __init__(
        self,
        batch: Batch,
        tools: ImageTools,
        writer: str,
        shard: int,
        items: Sequence[ShardItem],
        *,
        kept: KeptSources,
        progress: ProgressWriter,
    ) -> None:
        self._batch = batch
        self._tools = tools
        self._writer = writer
        self._shard = shard
        self._items = items
        self._kept = kept
        self._progress = progress
        self.recorded = RecordedPlaces(batch, shard)

    async def left(self) -> list[ShardItem]:
        """Return the images that no part records, in their order.

        Raises:
            StorageUnavailable, StorageRefused: the parts cannot be read.
        """
        await self.recorded.look()
        places = self.recorded.places
        return [item for item in self._items if (item.row, item.position) not in places]

    async def compress(self, some: Sequence[ShardItem], stop: asyncio.Event) -> ShardOutcome:
        """Compress, record and count these images until a stop, and return how the run went.

        Raises:
            StorageUnavailable, StorageRefused: results cannot be recorded.
        """
        batch, recorded = self._batch, self.recorded

        def count(results: Sequence[ImageResult]) -> None:
            self._progress.add(recorded.without_known(results))

        parts = part_writer(batch, self._shard, self._writer, recorded.part_keys, count)
        outcome = ShardOutcome(len(some), skipped=0)
        run = ShardRun(
            batch,
            self._tools.work,
            parts,
            self._tools.fetcher.queues(sharding.by_url(some)),
            stop=stop,
            outcome=outcome,
            on_result=lambda _result: None,
            kept=self._kept,
            elsewhere=recorded.places,
        )
        await run.run(min(batch.settings.fetch_window, len(some)))
        return outcome


@asynccontextmanager
async def shard_help(
    batch: Batch, plan: Plan, tools: ImageTools, writer: str, shard: int
) -> AsyncIterator[ShardHelp]:
    """Open the help with a shard for the block; ``writer`` names this process in its parts' keys.

    Raises:
        StorageUnavailable, StorageRefused: the shard cannot be read.
    """
    data = await asyncio.to_thread(batch.storage.get, batch.keys.shard(shard))
    items = sharding.from_lines(data or b"")
    kept = KeptSources(
        batch,
        sample.in_shard(plan.sampled, items),
        tools.decoders,
        batch.keys.kept_by_pod(shard, writer),
        alone=False,
    )
    key = batch.keys.pod_progress(shard, writer)
    progress = ProgressWriter(batch.storage, key, ProgressCounts())
    async with progress.writing():
        yield ShardHelp(batch, tools, writer, shard, items, kept=kept, progress=progress)
    await kept.close()


def begun_shards(batch: Batch) -> set[int]:
    """Return the shards that have a progress document, which their pods write when they begin.

    Raises:
        StorageUnavailable, StorageRefused: the documents cannot be listed.
    """
    documents = batch.storage.keys(batch.keys.progress)
    return {_shard_of(batch, key) for key in documents if not _is_ahead(key)}


def _shard_of(batch: Batch, progress_key: str) -> int:
    return int(progress_key.removeprefix(batch.keys.progress).partition("/")[0])


def _is_ahead(progress_key: str) -> bool:
    """Return whether a document is of a pod that works on a shard ahead of the shard's own pod."""
    return progress_key.rpartition("/")[2].startswith(AHEAD)
