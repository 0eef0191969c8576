"""Plan's pod compresses images until the pods of the shards, which start beside it, have begun."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from typing import Final

from imagebatch_core.errors import ImageBatchError
from imagebatch_runner.store.documents import Plan

from .background import running, without_groups
from .batch import Batch
from .helping import begun_shards, may_be_helped, shard_help
from .image_tools import image_tools
from .progress import ProgressCounts, put_progress

log = logging.getLogger(__name__)

#: Seconds between two looks which shards have begun.
_LOOK_EVERY: Final = 0.3
#: Seconds after which plan's pod ends in any case: a pod of a shard may wait for its room.
_LONGEST: Final = 10.0
#: Seconds in which it records what is done. Images that take longer are left to their shard's pod.
_GRACE: Final = 3.0


async def head_start(batch: Batch, plan: Plan, writer: str, stop: asyncio.Event) -> None:
    """Compress images of a shard until the pods of the shards have begun, or at a stop.

    It is the last of the shards that run at once, from its end on: its own pod begins at the other
    end, and skips what is recorded. ``writer`` names this process in its parts' keys. ``stop`` is
    set when the pods have begun. A store in trouble ends the head start: the batch is planned.
    """
    if not may_be_helped(plan) or batch.job.max_failed_percent < 100:
        return
    try:
        await without_groups(_compress(batch, plan, writer, stop))
    except ImageBatchError as error:
        log.info("plan's pod compresses no further image: %s", error)


async def _compress(batch: Batch, plan: Plan, writer: str, stop: asyncio.Event) -> None:
    at_once = min(batch.job.parallelism, plan.shards)
    shard = at_once - 1
    grace = {"grace_seconds": min(_GRACE, batch.settings.grace_seconds)}
    batch = replace(batch, settings=batch.settings.model_copy(update=grace))
    counts = ProgressCounts()
    began = time.monotonic()
    async with (
        image_tools(batch, batch.job.retries) as tools,
        shard_help(batch, plan, tools, writer, shard) as last,
        running(_stop_once_begun(batch, at_once, stop)),
    ):
        await last.compress((await last.left())[::-1], stop, counts.add)
    seconds = time.monotonic() - began
    done = counts.images
    log.info("head start: %d images in %.1f s", done, seconds, extra={"shard": shard})
    # Before, it would say that the shard has begun. Where it is not written, the shard's pod does.
    if done and await asyncio.to_thread(begun_shards, batch) >= at_once:
        await put_progress(batch.storage, batch.keys.pod_progress(shard, writer), counts)


async def _stop_once_begun(batch: Batch, shards: int, stop: asyncio.Event) -> None:
    """Set ``stop`` once so many shards have begun, and after ten seconds at the latest."""
    end = time.monotonic() + _LONGEST
    while time.monotonic() < end:
        await asyncio.sleep(_LOOK_EVERY)
        try:
            if await asyncio.to_thread(begun_shards, batch) >= shards:
                break
        except ImageBatchError as error:
            log.info("which shards have begun cannot be read now: %s", error)
    stop.set()
