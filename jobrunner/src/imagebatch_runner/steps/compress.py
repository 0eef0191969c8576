"""The step ``compress``: one shard, from its file of URLs to its recorded parts.

An output is stored before its result is recorded, so every recorded output exists. When the process
dies, the next pod repeats the images that are not recorded, at most as many as one part holds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext

from imagebatch_core.errors import ImageBatchError
from imagebatch_core.object_names import parse_part_key
from imagebatch_core.results import ImageResult, ShardItem
from imagebatch_runner.store.documents import Plan

from . import sample, sharding
from .batch import Batch, OnResult
from .failure_limit import FailureLimit
from .head_start import go_on
from .helping import AHEAD, Helper, may_be_helped
from .image_tools import ImageTools, image_tools
from .kept_sources import KeptSources
from .parts import Place, part_writer, read_part
from .plan import read_plan
from .progress import ProgressCounts, ProgressWriter, put_progress
from .recorded import RecordedPlaces
from .shard_run import ShardOutcome, ShardRun
from .whole_shard import OwnResults

log = logging.getLogger(__name__)


async def compress(
    batch: Batch,
    shard: int,
    writer: str,
    stop: asyncio.Event,
    on_result: OnResult = lambda _result: None,
) -> ShardOutcome:
    """Compress all images of a shard that are not recorded yet, and return how the run went.

    ``writer`` names this process in its parts' keys. ``on_result`` is called with each result,
    including those recorded before. When ``stop`` is set, no further request is sent. The images
    that are being fetched or compressed get two thirds of the grace period; the rest is for
    recording their results.

    Raises:
        StorageUnavailable, StorageRefused: results cannot be recorded.
    """
    part_keys = await asyncio.to_thread(batch.storage.keys, batch.keys.shard_results(shard))
    items, left, recorded = await _not_recorded(batch, shard, part_keys, on_result)
    outcome = ShardOutcome(len(items), skipped=len(items) - len(left))
    log.info("shard %d: %d images, %d recorded before", shard, len(items), outcome.skipped)
    failed_before = sum(counts.failed for counts in recorded.values())
    own = recorded.pop(writer, ProgressCounts())
    if not batch.is_local:
        await _count_for_others(batch, shard, recorded)
        # Pods that end their shards see by it that this one is begun, however slow its host is.
        await put_progress(batch.storage, batch.keys.pod_progress(shard, writer), own)
    if not left:
        return outcome
    plan = await asyncio.to_thread(_plan_of, batch)
    limit = _failure_limit(batch, plan, shard, failed_before)
    progress = ProgressWriter(batch.storage, batch.keys.pod_progress(shard, writer), own)
    others = RecordedPlaces(batch, shard, known=part_keys, without=writer)
    places: set[Place] = set()

    def on_recorded(results: Sequence[ImageResult]) -> None:
        progress.add(others.without_known(results))
        if limit is not None:
            limit.add(results)
            places.update((result.row, result.position) for result in results)

    own_results = OwnResults() if plan is not None and plan.shards > 1 else None
    parts = part_writer(batch, shard, writer, part_keys, on_recorded, own=own_results)
    async with (
        nullcontext() if batch.is_local else progress.writing(),
        image_tools(batch, batch.job.retries) as tools,
    ):
        queues = tools.fetcher.queues(sharding.by_url(left))
        ending = stop if limit is None else asyncio.Event()
        kept = KeptSources(
            batch,
            _sampled(batch, plan, items),
            tools.decoders,
            batch.keys.kept_by_pod(shard, writer),
            alone=plan is not None and plan.shards == 1,
        )
        run = ShardRun(
            batch,
            tools.work,
            parts,
            queues,
            stop=ending,
            outcome=outcome,
            on_result=on_result,
            kept=kept,
            elsewhere=others.places,
        )
        window = min(batch.settings.fetch_window, len(left))
        if limit is None:
            async with _watching(batch, others, plan):
                await run.run(window)
            await kept.close()
            if plan is not None and not (outcome.interrupted or stop.is_set()):
                if own_results is not None:
                    await own_results.store(batch, shard, writer, len(items))
                await _help(batch, plan, tools, writer, own=shard, stop=stop)
            return outcome
        if not await _is_exceeded(limit):
            async with limit.watching(ending, stop):
                await run.run(window)
            if limit.unchecked and not (limit.exceeded or stop.is_set()):
                # A shard may end before the first check; then the other pods have to learn of it.
                await _is_exceeded(limit)
        await kept.close()
        if limit.exceeded and not stop.is_set():
            rest = limit.rest([i for i in left if (i.row, i.position) not in places])
            await parts.record(rest)
            outcome.done += len(rest)
            outcome.failed += len(rest)
            outcome.interrupted = False
    return outcome


def _watching(
    batch: Batch, others: RecordedPlaces, plan: Plan | None
) -> AbstractAsyncContextManager[None]:
    """Watch what helpers record of this shard during a block, if pods of this batch help."""
    helped = plan is not None and may_be_helped(batch, plan)
    return others.watching() if helped else nullcontext()


async def _help(
    batch: Batch, plan: Plan, tools: ImageTools, writer: str, *, own: int, stop: asyncio.Event
) -> None:
    """Go on while the next pods start, then help with the slowest shards, if this batch's pods do.

    A store in trouble ends that: this pod's ``own`` shard is done.
    """
    if not may_be_helped(batch, plan):
        return
    await go_on(batch, plan, tools, writer, own=own, stop=stop)
    try:
        await Helper(batch, plan, tools, writer, stop).run()
    except ImageBatchError as error:
        log.info("no further help with other shards: %s", error)


async def _is_exceeded(limit: FailureLimit) -> bool:
    """Return whether the limit is exceeded now; a store in trouble means no."""
    try:
        return await limit.check()
    except ImageBatchError as error:
        log.info("maxFailedPercent cannot be checked now: %s", error)
        return False


async def _not_recorded(
    batch: Batch, shard: int, part_keys: list[str], on_result: OnResult
) -> tuple[list[ShardItem], list[ShardItem], dict[str, ProgressCounts]]:
    """Return all images of the shard, those that are not recorded, and what each pod recorded of
    the others.

    Of the recorded images only the places are kept in memory, because there may be many.
    """
    data = await asyncio.to_thread(batch.storage.get, batch.keys.shard(shard))
    if data is None:
        raise ImageBatchError(f"there is no shard {shard}; was the batch planned?")
    recorded: set[Place] = set()
    by_writer: dict[str, ProgressCounts] = {}
    for key in part_keys:
        named = parse_part_key(key)
        counts = by_writer.setdefault(named.writer if named else "", ProgressCounts())
        for result in await asyncio.to_thread(read_part, batch.storage, key):
            place = (result.row, result.position)
            if place not in recorded:
                recorded.add(place)
                counts.add((result,))
                on_result(result)
    items = sharding.from_lines(data)
    left = [item for item in items if (item.row, item.position) not in recorded]
    return items, left, by_writer


async def _count_for_others(
    batch: Batch, shard: int, recorded: Mapping[str, ProgressCounts]
) -> None:
    """Store what other pods recorded: a killed pod may have recorded more than its document says.

    A pod that works ahead may run still. Its document counts once it is there.
    """
    for writer, counts in recorded.items():
        key = batch.keys.pod_progress(shard, writer)
        if writer.startswith(AHEAD) and await asyncio.to_thread(batch.storage.exists, key):
            continue
        await put_progress(batch.storage, key, counts)


def _plan_of(batch: Batch) -> Plan | None:
    """Return the plan; ``None`` in a local run, which needs none of it here."""
    return None if batch.is_local else read_plan(batch)


def _failure_limit(
    batch: Batch, plan: Plan | None, shard: int, failed_before: int
) -> FailureLimit | None:
    if plan is None or batch.job.max_failed_percent >= 100:
        return None
    return FailureLimit(batch, plan, shard, failed_before)


def _sampled(batch: Batch, plan: Plan | None, items: list[ShardItem]) -> frozenset[Place]:
    """Return the places of the shard's images whose sources are kept."""
    if plan is None or not batch.settings.kept_sources:
        return frozenset()
    return sample.in_shard(plan.sampled, items)
