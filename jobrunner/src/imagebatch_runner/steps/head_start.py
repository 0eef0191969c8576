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
#: Seconds within which the first shard begins if its pod starts, and those after which plan's pod
#: ends in any case: a pod of a shard may wait for its room.
_FIRST_WITHIN: Final = 4.0
_LONGEST: Final = 10.0
#: Seconds in which it records what is done. Images that take longer are left to their shard's pod.
_GRACE: Final = 3.0
#: Seconds for which a request to the store is repeated: less than for a shard, whose work it is.
_PATIENCE: Final = 5.0


async def head_start(batch: Batch, plan: Plan, writer: str, stop: asyncio.Event) -> None:
    """Compress images of a shard until the pods of the shards have begun, or at a stop.

    It is the last of the shards that run at once, from its end on: its own pod begins at the other
    end, and skips what is recorded. ``writer`` names this process in its parts' keys. ``stop`` is
    set when the pods have begun. A store in trouble ends the head start: the batch is planned.
    """
    if not may_be_helped(plan) or batch.job.max_failed_percent < 100:
        return
    grace = {"grace_seconds": min(_GRACE, batch.settings.grace_seconds)}
    settings = batch.settings.model_copy(update=grace)
    batch = replace(batch, settings=settings, storage=batch.storage.within(_PATIENCE))
    try:
        await without_groups(_compress(batch, plan, writer, stop))
    except Exception as error:  # noqa: BLE001 - the batch is planned: no error here may fail the step
        log.info("plan's pod compresses no further image: %s", str(error) or type(error).__name__)


async def _compress(batch: Batch, plan: Plan, writer: str, stop: asyncio.Event) -> None:
    at_once = min(batch.job.parallelism, plan.shards)
    shard = at_once - 1
    counts = ProgressCounts()
    began = time.monotonic()
    async with (
        image_tools(batch, batch.job.retries) as tools,
        shard_help(batch, plan, tools, writer, shard) as last,
        running(_stop_once_begun(batch, at_once, stop)),
    ):
        left = await last.left()
        await last.compress(left[::-1], stop, counts.add)
    seconds = time.monotonic() - began
    done = counts.images
    log.info("head start: %d images in %.1f s", done, seconds, extra={"shard": shard})
    # The shard's pod counts what it found recorded when it began, and nothing of what came later.
    # Before it has begun, the document would say that the shard is begun.
    if done and shard in await asyncio.to_thread(begun_shards, batch):
        await put_progress(batch.storage, batch.keys.pod_progress(shard, writer), counts)


async def _stop_once_begun(batch: Batch, shards: int, stop: asyncio.Event) -> None:
    """Set ``stop`` once so many shards have begun, after ten seconds at the latest, and after four
    if none has: then their pods do not start before this one has ended."""
    began = time.monotonic()
    limit = _FIRST_WITHIN
    while time.monotonic() - began < limit:
        await asyncio.sleep(_LOOK_EVERY)
        try:
            begun = await asyncio.to_thread(begun_shards, batch)
        except ImageBatchError as error:
            log.info("which shards have begun cannot be read now: %s", error)
            continue
        if len(begun) >= shards:
            break
        if begun:
            limit = _LONGEST
    stop.set()
