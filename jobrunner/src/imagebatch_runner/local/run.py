"""Compress and collect on this machine, without a cluster.

The steps are the same as in pods, with a ``file://`` store in the folder of the results. A run
skips the images that are recorded there, so that it can be interrupted and continued.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from uuid import uuid4

from imagebatch_core.egress import size_lookup_threads
from imagebatch_core.job import ExitCode
from imagebatch_runner.steps import collect, compress
from imagebatch_runner.steps.batch import Batch, OnResult
from imagebatch_runner.store.documents import Plan, Summary


def run(
    batch: Batch,
    made: Plan,
    on_result: OnResult,
    on_stop: Callable[[], None] = lambda: None,
) -> tuple[Summary | None, int]:
    """Compress and collect the batch; return its summary and how many images this run did.

    The summary is ``None`` if the run was interrupted. The first Ctrl-C or SIGTERM calls
    ``on_stop``; the images at work are then finished and recorded. The second one ends the process
    at once; the next run does the images that are not recorded. ``on_result`` is called with each
    result.
    """
    interrupted, done = asyncio.run(_compress(batch, made.shards, on_result, on_stop))
    return None if interrupted else collect.collect(batch), done


def finished(batch: Batch) -> Summary | None:
    """Return the summary if an earlier run finished this batch, otherwise ``None``."""
    return collect.read_summary(batch)


async def _compress(
    batch: Batch, shards: int, on_result: OnResult, on_stop: Callable[[], None]
) -> tuple[bool, int]:
    """Compress all shards; return whether the run was interrupted and how many images it did."""
    size_lookup_threads(batch.settings.fetch_concurrency)
    stop = asyncio.Event()

    def interrupt() -> None:
        if stop.is_set():
            os._exit(ExitCode.INTERRUPTED)
        stop.set()
        on_stop()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt)
    writer = str(uuid4())
    done = 0
    for shard in range(shards):
        outcome = await compress.compress(batch, shard, writer, stop, on_result)
        done += outcome.done
        if outcome.interrupted or stop.is_set():
            return outcome.interrupted or shard + 1 < shards, done
    return False, done
