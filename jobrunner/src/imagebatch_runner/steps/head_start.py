"""Compress images of a shard before its own pod begins, while that pod or others start.

Nobody waits for them so. Plan's pod does it until the pods of the first shards have begun, which
start beside it. Pods that run at once also end at once; so where more shards follow, every other
pod does it until the first new one has begun.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Set
from dataclasses import replace
from typing import Final

from imagebatch_core.errors import ImageBatchError
from imagebatch_runner.store.documents import Plan

from .background import running
from .batch import Batch
from .helping import AHEAD, begun_shards, may_be_helped, shard_help
from .image_tools import ImageTools, image_tools

log = logging.getLogger(__name__)

#: Seconds between two looks which shards have begun.
_LOOK_EVERY: Final = 0.3
#: Seconds within which the pod of a shard begins, unless it starts only once this one has ended.
_STARTS_WITHIN: Final = 6.0
#: Seconds after which this pod ends in any case: a pod of a shard may wait for its room.
_LONGEST: Final = 10.0
#: Seconds for recording at the end. Images that take longer are left to the shard's own pod.
_GRACE: Final = 3.0
#: Seconds for which a failed request to the store is repeated. The images are not lost without it.
_PATIENCE: Final = 5.0
#: The fewest images of a shard with which a pod goes on while the next pods start.
_WORTH: Final = 250

#: Returns whether the pod should end, from the shards that have begun and the seconds so far.
Enough = Callable[[Set[int], float], bool]


async def head_start(batch: Batch, plan: Plan, writer: str, stop: asyncio.Event) -> None:
    """Compress images in plan's pod until the pods of the first shards have begun, or at a stop.

    The images are of the last one of these shards. ``writer`` names this process.
    """
    if not may_be_helped(batch, plan):
        return
    at_once = min(batch.job.parallelism, plan.shards)

    def enough(begun: Set[int], seconds: float) -> bool:
        return len(begun) >= at_once or (not begun and seconds > _STARTS_WITHIN)

    try:
        async with image_tools(batch, batch.job.retries) as tools:
            await _work_ahead(batch, plan, tools, writer, enough, shard=at_once - 1, stop=stop)
    except Exception as error:  # noqa: BLE001 - the batch is planned: no error may fail the step
        _log_end(error)


async def go_on(
    batch: Batch, plan: Plan, tools: ImageTools, writer: str, *, own: int, stop: asyncio.Event
) -> None:
    """Compress images of a shard that has not begun, until another one begins, or at a stop.

    It is for a pod whose ``own`` shard is done, in a batch whose pods help each other. The pods of
    even shards end at once: somebody has to make room for the next ones. Nothing is done if all
    shards have begun, or if shards are small.
    """
    if own % 2 == 0 or plan.images_per_shard < _WORTH:
        return
    try:
        before = await asyncio.to_thread(begun_shards, batch)
        waiting = [shard for shard in range(plan.shards) if shard not in before]
        if not waiting:
            return

        def enough(begun: Set[int], seconds: float) -> bool:
            return len(begun) > len(before) or seconds > _STARTS_WITHIN

        # The shards of pods that run at once follow each other: so each of these pods takes another
        # waiting shard, or at least another quarter of it.
        quarter, place = divmod(own // 2, len(waiting))
        await _work_ahead(
            batch, plan, tools, writer, enough,
            shard=waiting[-1 - place], quarter=quarter % 4, stop=stop,
        )  # fmt: skip
    except Exception as error:  # noqa: BLE001 - the shard is done: no error may fail its index
        _log_end(error)


def _log_end(error: Exception) -> None:
    log.info("no image is compressed ahead any more: %s", str(error) or type(error).__name__)


async def _work_ahead(
    batch: Batch,
    plan: Plan,
    tools: ImageTools,
    writer: str,
    enough: Enough,
    *,
    shard: int,
    stop: asyncio.Event,
    quarter: int = 0,
) -> None:
    """Compress images of a shard from its end on, until enough shards have begun, or at a stop.

    The shard's own pod begins at the other end, and skips what is recorded. With a ``quarter`` of 1
    to 3 as many quarters of the images that are left come last.
    """
    grace = {"grace_seconds": min(_GRACE, batch.settings.grace_seconds)}
    settings = batch.settings.model_copy(update=grace)
    batch = replace(batch, settings=settings, storage=batch.storage.within(_PATIENCE))
    end = asyncio.Event()
    async with (
        shard_help(batch, plan, tools, AHEAD + writer, shard) as at_work,
        running(_set_once(enough, batch, stop, end)),
        at_work.recorded.watching(),
    ):
        left = (await at_work.left())[::-1]
        first = len(left) * quarter // 4
        outcome = await at_work.compress(left[first:] + left[:first], end)
    log.info("%d images of shard %d ahead of its pod", outcome.done, shard, extra={"shard": shard})


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
