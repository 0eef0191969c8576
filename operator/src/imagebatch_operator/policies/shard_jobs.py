"""The compress step: one Indexed Job of at most 10,000 shards after another."""

from __future__ import annotations

from imagebatch_core.job import Step

from .actions import CreateJob
from .facts import Case
from .observed import find
from .running_job import create, keep_going
from .shards import chunk_size
from .stages import Compressing, Next


def compressing(case: Case) -> Compressing | None:
    """``None`` once all shards have ended; those that failed are the report's matter."""
    facts = case.facts
    shards, runs = facts.shards, facts.runs.shards
    if shards is None or not facts.shards_open:
        return None
    if not runs:
        return _run(case, shards.total, chunk=0, run=1)
    chunk, run = len(runs) - 1, runs[-1]
    job = find(case.seen, Step.COMPRESS, chunk, run)
    if job is None:
        return _run(case, shards.total, chunk, run)
    if job.finished:
        return _run(case, shards.total, chunk + 1, run=1)
    return Compressing(facts, Next() if job.deleting else keep_going(case, job))


def _run(case: Case, total: int, chunk: int, run: int) -> Compressing:
    """The Job of a chunk is to be created."""
    facts = case.facts.with_run(Step.COMPRESS, run, chunk)
    action = CreateJob(Step.COMPRESS, run, chunk, chunk_size(total, chunk))
    return Compressing(facts, create(case, action))
