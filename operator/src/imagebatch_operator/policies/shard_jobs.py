"""The compress step: one Indexed Job of at most 10,000 shards after another."""

from __future__ import annotations

from math import ceil

from imagebatch_core.job import Step
from imagebatch_core.reasons import Phase, Reason
from imagebatch_core.resource import ImageBatch
from imagebatch_core.status import Runs, Shards

from .actions import Action, CreateJob
from .draft import Draft
from .observed import Observation
from .running_job import keep_going
from .runs import find, with_run

#: Indexes of one Job; upstream's limits begin to bite above it.
SHARDS_PER_JOB = 10_000


def compress(
    batch: ImageBatch, seen: Observation, draft: Draft, shards: Shards
) -> list[Action] | None:
    """What to do next; ``None`` once all Jobs have ended."""
    for chunk in range(ceil(shards.total / SHARDS_PER_JOB)):
        first = chunk * SHARDS_PER_JOB
        size = min(SHARDS_PER_JOB, shards.total - first)
        runs = draft.runs.shards
        lost = _failed_before(seen, draft.runs, chunk)
        if len(runs) <= chunk:
            draft.set(runs=with_run(draft.runs, Step.COMPRESS, chunk, 1))
            _progress(batch, draft, shards, first - lost, lost)
            return [CreateJob(Step.COMPRESS, 1, chunk, size)]
        if len(runs) > chunk + 1:
            continue  # a later Job was begun, so this one had ended
        job = find(seen, Step.COMPRESS, chunk, runs[chunk])
        if job is None:
            _progress(batch, draft, shards, first - lost, lost)
            return [CreateJob(Step.COMPRESS, runs[chunk], chunk, size)]
        if not job.finished:
            done = first - lost + job.completed_indexes
            _progress(batch, draft, shards, done, lost + job.failed_indexes)
            return [] if job.deleting else keep_going(batch, seen, draft, job)
        # Failed shards do not fail the batch: collect reports their images as shard_failed.
        done = first - lost + job.completed_indexes
        _progress(batch, draft, shards, done, first + size - done)
        if chunk + 1 < ceil(shards.total / SHARDS_PER_JOB):
            next_size = min(SHARDS_PER_JOB, shards.total - first - size)
            draft.set(runs=with_run(draft.runs, Step.COMPRESS, chunk + 1, 1))
            return [CreateJob(Step.COMPRESS, 1, chunk + 1, next_size)]
        return None
    return None


def _failed_before(seen: Observation, runs: Runs, chunk: int) -> int:
    """Failed shards of the Jobs before this one; a Job that somebody removed counts as done."""
    earlier = (find(seen, Step.COMPRESS, n, runs.shards[n]) for n in range(chunk))
    return sum(SHARDS_PER_JOB - job.completed_indexes for job in earlier if job is not None)


def _progress(batch: ImageBatch, draft: Draft, shards: Shards, done: int, failed: int) -> None:
    """Shard-precise progress; the last shard may be shorter, so the total bounds it."""
    draft.set(shards=shards.model_copy(update={"done": done, "failed": failed}))
    images = draft.current.images
    if images is not None:
        recorded = min(images.total, (done + failed) * batch.spec.images_per_shard)
        draft.set(images=images.model_copy(update={"done": recorded}))
    text = f"{done + failed} of {shards.total} shards"
    draft.working(Phase.PROCESSING, Reason.COMPRESSING, text)
