"""The stage of a held batch.

``spec.suspend`` holds it at any time: its Jobs are suspended, or deleted if a queue owns them.
``spec.suspendAfter`` holds it between plan and the first shard, when it has no Job.
"""

from __future__ import annotations

from imagebatch_core.counted import counted
from imagebatch_core.job import Step
from imagebatch_core.reasons import Reason
from imagebatch_core.spec import SuspendAfter

from .actions import Action, PatchJob
from .facts import Case
from .observed import JobView
from .stages import Next, Suspended


def suspended(case: Case) -> Suspended | None:
    """Return the stage Suspended if ``spec.suspend`` is set.

    The batch's Jobs are patched to be suspended, except those in a Kueue queue: only Kueue may
    change the ``suspend`` field of its Jobs. For such a Job the run number is raised by one. The
    Job is then deleted, because it is not the current run, and resuming creates the next run.
    """
    if not case.batch.spec.suspend:
        return None
    facts = case.facts
    for job in case.seen.jobs:
        if job.queue is not None and _may_be_suspended(case, job):
            facts = facts.with_run(job.step, job.run + 1, job.chunk)
    text = "suspended by spec.suspend"
    following = Next(suspend_jobs(case), pauses=True)
    return Suspended(facts, Reason.SUSPENDED_BY_USER, text, following)


def suspend_jobs(case: Case) -> tuple[Action, ...]:
    """Return the patches that suspend the batch's Jobs; none for a Job in a queue of Kueue's."""
    return tuple(
        PatchJob(job.name, suspend=True)
        for job in case.seen.jobs
        if job.queue is None and not job.suspended and _may_be_suspended(case, job)
    )


def _may_be_suspended(case: Case, job: JobView) -> bool:
    return not (job.finished or job.deleting) and case.facts.is_current(job)


def awaiting_confirmation(case: Case) -> Suspended | None:
    """Return the stage Suspended if ``spec.suspendAfter`` holds the batch now.

    It does so from the plan until the field is removed, unless the first shard Job exists already
    or has done a shard.
    """
    facts = case.facts
    if case.batch.spec.suspend_after is not SuspendAfter.PLAN:
        return None
    if facts.shards is None or not facts.shards_open or facts.shards.done:
        return None
    if any(facts.is_current(job) for job in case.seen.jobs if job.step is Step.COMPRESS):
        return None
    images = facts.images.total if facts.images else 0
    planned = counted(product=facts.products or 0, image=images)
    text = f"{planned}; remove spec.suspendAfter to compress them"
    return Suspended(facts, Reason.AWAITING_CONFIRMATION, text, Next(pauses=True))
