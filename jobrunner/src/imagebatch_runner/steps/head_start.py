"""Compress images while the pods of other shards start, so that nobody waits for them.

Plan's pod does so until the pods of the first shards have begun, which start beside it. Where more
shards follow, pods that run at once also end at once, so every other pod does so until the first
new one has begun.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Set
from dataclasses import dataclass, replace
from typing import Final, Self

from imagebatch_core.errors import ImageBatchError
from imagebatch_runner.store.documents import Plan

from .background import running, without_groups
from .batch import Batch
from .helping import AHEAD, begun_shards, may_be_helped, shard_help
from .image_tools import ImageTools, image_tools
from .progress import ProgressCounts, ProgressWriter

log = logging.getLogger(__name__)

#: Seconds between two looks which shards have begun.
_LOOK_EVERY: Final = 0.3
#: Seconds within which a pod of a shard begins, if it starts at all while this pod runs; and those
#: after which this one ends in any case, for a pod of a shard may wait for its room.
_STARTS_WITHIN: Final = 6.0
_LONGEST: Final = 10.0
#: Seconds in which it records what is done. Images that take longer are left to their shard's pod.
_GRACE: Final = 3.0
#: Seconds for which a request to the store is repeated: less than for a shard, whose work it is.
_PATIENCE: Final = 5.0

#: The fewest images of a shard with which a pod goes on while the next pods start.
_WORTH: Final = 250
#: Returns whether the pod should end, from the shards that have begun, and the seconds so far.
Enough = Callable[[Set[int], float], bool]


async def head_start(batch: Batch, plan: Plan, writer: str, stop: asyncio.Event) -> None:
    """Compress images in plan's pod until the pods of the first shards have begun, or at a stop.

    They are of the last shard of those that run at once. ``writer`` names this process in its
    parts' keys. Where none of the pods begins, they start only after this one.
    """
    if not may_be_helped(plan) or batch.job.max_failed_percent < 100:
        return
    at_once = min(batch.job.parallelism, plan.shards)

    def enough(begun: Set[int], seconds: float) -> bool:
        return len(begun) >= at_once or (not begun and seconds > _STARTS_WITHIN)

    try:
        async with image_tools(batch, batch.job.retries) as tools:
            await _Meanwhile.of(batch, plan, tools, writer).until(enough, at_once - 1, stop)
    except Exception as error:  # noqa: BLE001 - the batch is planned: no error may fail the step
        _log_end(error)


async def bridge(
    batch: Batch, plan: Plan, tools: ImageTools, writer: str, *, own: int, stop: asyncio.Event
) -> None:
    """Compress images of a shard that has not begun, until one more has, or at a stop.

    It is for the pod whose ``own`` shard is done. Pods of even shards end at once: somebody has to
    make room for the next ones. Nothing is done if all shards have begun, or in small shards.
    """
    if not may_be_helped(plan) or own % 2 == 0 or plan.images_per_shard < _WORTH:
        return
    try:
        before = await asyncio.to_thread(begun_shards, batch)
        waiting = [other for other in range(plan.shards) if other not in before]

        def enough(begun: Set[int], seconds: float) -> bool:
            return len(begun) > len(before) or seconds > _STARTS_WITHIN

        if waiting:
            # Pods that run at once have numbers in a row: each takes another shard if it can.
            turn, place = divmod(own // 2, len(waiting))
            meanwhile = _Meanwhile.of(batch, plan, tools, writer)
            await meanwhile.until(enough, waiting[-1 - place], stop, turn=turn)
    except Exception as error:  # noqa: BLE001 - the shard is done: no error may fail its index
        _log_end(error)


def _log_end(error: Exception) -> None:
    log.info("no further image is compressed meanwhile: %s", str(error) or type(error).__name__)


@dataclass(frozen=True, slots=True)
class _Meanwhile:
    """A pod that compresses images while others start."""

    batch: Batch
    plan: Plan
    tools: ImageTools
    writer: str

    @classmethod
    def of(cls, batch: Batch, plan: Plan, tools: ImageTools, writer: str) -> Self:
        """Return it with a grace period and a patience that fit the few seconds it takes."""
        grace = {"grace_seconds": min(_GRACE, batch.settings.grace_seconds)}
        settings = batch.settings.model_copy(update=grace)
        brief = replace(batch, settings=settings, storage=batch.storage.within(_PATIENCE))
        return cls(brief, plan, tools, AHEAD + writer)

    async def until(
        self, enough: Enough, shard: int, stop: asyncio.Event, *, turn: int = 0
    ) -> None:
        """Compress images of a shard from its end on, until enough shards have begun, or at a stop.

        The shard's own pod begins at the other end, and skips what is recorded.
        """
        batch, counts, end = self.batch, ProgressCounts(), asyncio.Event()
        progress = ProgressWriter(
            batch.storage, batch.keys.pod_progress(shard, self.writer), counts
        )
        async with (
            shard_help(batch, self.plan, self.tools, self.writer, shard) as at_work,
            progress.writing(),
            running(_set_once(enough, batch, stop, end)),
            at_work.recorded.watching(),
        ):
            left = (await at_work.left())[::-1]
            # Of pods that work on one shard, each begins at another quarter.
            first = len(left) * (turn % 4) // 4
            recorded = at_work.recorded
            await without_groups(
                at_work.compress(
                    left[first:] + left[:first],
                    end,
                    lambda results: progress.add(recorded.without_known(results)),
                )
            )
        log.info("%d images of shard %d meanwhile", counts.images, shard, extra={"shard": shard})


async def _set_once(enough: Enough, batch: Batch, stop: asyncio.Event, end: asyncio.Event) -> None:
    """Set ``end`` once enough shards have begun, after ten seconds at the latest, or at a stop."""
    began = time.monotonic()
    while not stop.is_set() and (seconds := time.monotonic() - began) < _LONGEST:
        await asyncio.sleep(_LOOK_EVERY)
        try:
            if enough(await asyncio.to_thread(begun_shards, batch), seconds):
                break
        except ImageBatchError as error:
            log.info("which shards have begun cannot be read now: %s", error)
    end.set()
