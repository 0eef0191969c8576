"""Start collect before the last images are done; delete it where a shard needs its room.

Collect then reads the results while the last shards run, and waits for the last ones: the end of
the last pod, the end of its Job and the start of another pod would take five seconds.
"""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import Final

from imagebatch_core.job import Step

from .actions import CreateJob
from .blocked import is_blocked
from .facts import Case, Facts
from .observed import JobView, find
from .shards import chunk_size, first_shard
from .stages import Compressing

#: The most images per shard for which collect starts beside the pods of the last shards. It may
#: wait as long as such a shard takes, and its pod reserves CPU and memory for that time.
_BESIDE: Final = 5000


def with_collect(case: Case, job: JobView, stage: Compressing) -> Compressing:
    """Return the stage with the Job of collect once it may wait for the images that are left.

    While the shard Job is blocked, collect gives its room to the pods of the shards: the waiting
    run is replaced by the next one, which is not created yet.
    """
    facts = stage.facts
    run = facts.runs.collect or 1
    there = find(case.seen, Step.COLLECT, 0, run)
    if is_blocked(job, case.now):
        if there is None or not there.waits or there.finished:
            return stage
        return Compressing(facts.with_run(Step.COLLECT, run + 1), stage.next)
    if there is not None or not _may_start(case, facts, job):
        return stage
    action = CreateJob(Step.COLLECT, run, waits=True)
    following = replace(stage.next, actions=(*stage.next.actions, action))
    return Compressing(facts.with_run(Step.COLLECT, run), following)


def _may_start(case: Case, facts: Facts, job: JobView) -> bool:
    """Return whether the last shards run, in pods that are there, and none has failed."""
    total = facts.shards.total if facts.shards else 0
    size = chunk_size(total, job.chunk)
    failed = facts.shards.failed if facts.shards else 0
    last = first_shard(job.chunk) + size >= total
    again = bool(job.failed_indexes or job.shards)  # failed shards are run once more
    if not last or failed or again or job.queue is not None or job.suspended:
        return False
    if case.seen.obstacle is not None or facts.retry is not None:
        return False
    left = size - job.completed_indexes - job.failed_indexes
    if job.active != left or job.ready != left:
        return False  # a shard waits for a pod, or a pod for room
    return left < job.parallelism or _are_short(facts)


def _are_short(facts: Facts) -> bool:
    """Return whether the shards end before long, so that collect may start beside their pods.

    The last shards end together, because their pods help each other: no pod may be free before the
    last images are done. So collect is one pod more than ``parallelism`` says. It then has the time
    of the last shards to read the results of all others.
    """
    if facts.shards is None or facts.images is None:
        return False
    each = facts.shards.images or ceil(facts.images.total / facts.shards.total)
    return each <= _BESIDE
