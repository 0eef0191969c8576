"""The whole program on one machine and one folder, without any cluster.

The same steps over a ``file://`` store whose root is the folder of the results, which so is the
checkpoint as well: run again, it goes on where it was.
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
    """Compress and collect what ``plan`` made; no summary when it was interrupted.

    Also how many images were done now, those recorded before not counted.

    The first Ctrl-C or SIGTERM calls ``on_stop`` and lets what is under way finish and record it;
    the second one ends the process: whatever is not recorded is done again by the next run.
    """
    interrupted, done = asyncio.run(_compress(batch, made.shards, on_result, on_stop))
    return None if interrupted else collect.collect(batch), done


def finished(batch: Batch) -> Summary | None:
    """The summary of a folder whose batch was done before."""
    return collect.read_summary(batch)


async def _compress(
    batch: Batch, shards: int, on_result: OnResult, on_stop: Callable[[], None]
) -> tuple[bool, int]:
    """Whether it was interrupted, and how many images were done."""
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
