"""Delete unfinished Jobs that are not the current run of their step, and shard Jobs that are over.

The former are runs that were replaced by the next one, and Jobs that were left because the operator
stopped between the write of the status and the deletion. The latter are the earlier Jobs of a batch
of over 10,000 shards: so many ended pods at once are near the number from which on Kubernetes
deletes pods of anybody.
"""

from __future__ import annotations

from imagebatch_core.job import Step

from .actions import DeleteJob
from .facts import Case, Facts
from .observed import JobView
from .stages import Ended, Over, Stage


def delete_strays(case: Case, stage: Stage) -> tuple[DeleteJob, ...]:
    """Return the deletions of stray Jobs. An ended batch gets none: its stage deletes all its
    Jobs."""
    if isinstance(stage, Ended | Over):
        return ()
    return tuple(
        DeleteJob(job.name)
        for job in case.seen.jobs
        if not job.deleting and (_is_over(case, job) or _is_stray(stage.facts, job))
    )


def _is_stray(facts: Facts, job: JobView) -> bool:
    return not job.finished and not facts.is_current(job)


def _is_over(case: Case, job: JobView) -> bool:
    """Whether a later shard Job exists; the status has then recorded the outcome of this one."""
    if job.step is not Step.COMPRESS or case.batch.status.shards is None:
        return False
    runs = case.batch.status.runs
    newest = len(runs.shards) - 1 if runs else 0
    recorded = case.batch.status.shards.failed_before is not None
    later = any(one.step is Step.COMPRESS and one.chunk == newest for one in case.seen.jobs)
    return recorded and later and job.finished and job.chunk < newest
