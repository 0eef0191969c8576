"""A Job that runs, or shall: its settings in line with the batch, suspended or not."""

from __future__ import annotations

from imagebatch_core.job import Step
from imagebatch_core.names import LABEL_KUEUE_QUEUE
from imagebatch_core.reasons import ConditionType, Phase, Reason
from imagebatch_core.resource import ImageBatch

from .actions import Action, DeleteJob, PatchJob
from .blocked import explain_blocked
from .draft import Draft
from .observed import JobView, Observation
from .runs import with_run


def keep_going(batch: ImageBatch, seen: Observation, draft: Draft, job: JobView) -> list[Action]:
    """Bring its settings in line, and say why when nothing gets ready."""
    return bring_in_line(batch, draft, job) + explain_blocked(seen, draft, job)


def bring_in_line(batch: ImageBatch, draft: Draft, job: JobView) -> list[Action]:
    """Its settings are the batch's; what a queue does not let us change is said."""
    actions: list[Action] = []
    queued = _queued(batch)
    if job.suspended and not queued:
        actions.append(PatchJob(job.name, suspend=False))
    if job.step is Step.COMPRESS and job.parallelism != batch.spec.parallelism:
        if queued:
            draft.condition(
                ConditionType.RECONCILING, True, Reason.COMPRESSING,
                "the new parallelism applies to the next Job, for this one is in a queue",
            )  # fmt: skip
        else:
            actions.append(PatchJob(job.name, parallelism=batch.spec.parallelism))
    return actions


def suspend(batch: ImageBatch, seen: Observation, draft: Draft) -> list[Action]:
    """What runs is suspended; in a queue it is deleted, and resuming creates the next run."""
    draft.working(Phase.SUSPENDED, Reason.SUSPENDED_BY_USER, "suspended by spec.suspend")
    running = [j for j in seen.jobs if not j.finished and not j.deleting]
    if not _queued(batch):
        return [PatchJob(j.name, suspend=True) for j in running if not j.suspended]
    for job in running:
        draft.set(runs=with_run(draft.runs, job.step, job.chunk, job.run + 1))
    return [DeleteJob(job.name) for job in running]


def _queued(batch: ImageBatch) -> bool:
    """With a queue, Kueue owns `suspend` of the Jobs: it is never written here."""
    return LABEL_KUEUE_QUEUE in batch.labels
