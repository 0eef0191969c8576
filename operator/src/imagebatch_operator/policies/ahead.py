"""Plan's pod goes on with the last shard, while the pods of the others start.

It counts as one of the pods that ``parallelism`` allows. The shard Job has an index for its shard
as well, the last that gets a pod, so nothing depends on how the pod of plan ends.
"""

from __future__ import annotations

from imagebatch_core.ceilings import Ceilings
from imagebatch_core.job import Step
from imagebatch_core.names import LABEL_KUEUE_QUEUE
from imagebatch_core.resource import ImageBatch

from .actions import DeleteJob
from .facts import Case
from .observed import JobView, find


def goes_ahead(batch: ImageBatch, ceilings: Ceilings) -> bool:
    """Return whether the pod of plan goes on with the last shard of a batch of several.

    Not in a Kueue queue, where it would hold the quota that the shards wait for; and not where a
    single pod may run, or none after plan.
    """
    spec = batch.spec
    held = spec.dry_run or spec.suspend_after is not None
    queued = bool(batch.labels.get(LABEL_KUEUE_QUEUE))
    many = ceilings.parallelism_of(spec.parallelism) > 1
    return many and not (held or queued or spec.source.retry_of is not None)


def works_ahead(case: Case) -> bool:
    """Return whether the pod of plan works on the last shard, or will once it has planned."""
    job = _plan_job(case)
    return job is not None and job.ahead and job.queue is None and not job.suspended


def shard_pods(case: Case) -> int:
    """Return how many pods a shard Job may have at once."""
    allowed = case.seen.ceilings.parallelism_of(case.batch.spec.parallelism)
    return allowed - 1 if allowed > 1 and works_ahead(case) else allowed


def stop_ahead(case: Case) -> tuple[DeleteJob, ...]:
    """Return the deletion of plan's Job if its pod works ahead although the batch is held."""
    job = _plan_job(case)
    return (DeleteJob(job.name),) if job is not None and job.ahead else ()


def _plan_job(case: Case) -> JobView | None:
    """Return the Job of plan while it has neither ended nor is being deleted."""
    job = find(case.seen, Step.PLAN, 0, case.facts.runs.plan)
    return None if job is None or job.finished or job.deleting else job
