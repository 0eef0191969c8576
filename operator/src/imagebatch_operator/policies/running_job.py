"""A Job that is to be created, or that runs: what it needs, and why it is blocked."""

from __future__ import annotations

from imagebatch_core.job import Step
from imagebatch_core.names import LABEL_KUEUE_QUEUE
from imagebatch_core.reasons import Reason
from imagebatch_core.resource import ImageBatch

from .actions import Action, CreateJob, ExplainBlocked, PatchJob
from .blocked import is_blocked, next_look
from .facts import Case
from .observed import JobView
from .stages import Next, Note


def create(case: Case, action: CreateJob, note: Note | None = None) -> Next:
    """Ask for a Job, and say why the API server did not take it the last time."""
    if case.seen.obstacle is not None:
        note = Note(Reason.PODS_BLOCKED, case.seen.obstacle)
    return Next((action,), note)


def keep_going(case: Case, job: JobView, error: str | None = None) -> Next:
    """What a running Job needs; ``error`` is of its last pod, which the Job tries again."""
    actions, note = _bring_in_line(case, job)
    look_again = next_look(job, case.now)
    if error is not None:
        note = Note(Reason.RETRYING, error)
    # Before its next pod a Job has none, which is no blockage: the error stays to be read.
    if is_blocked(job, case.now) and (error is None or job.active):
        text = case.seen.blocked.get(job.name)
        if text is None:
            return Next((*actions, ExplainBlocked(job.name)), note, look_again)
        note = Note(Reason.PODS_BLOCKED, text)
    return Next(actions, note, look_again)


def _bring_in_line(case: Case, job: JobView) -> tuple[tuple[Action, ...], Note | None]:
    """Its settings are the batch's; what a queue does not let us change is said."""
    wanted, held = case.batch.spec.parallelism, queued(case.batch)
    actions: list[Action] = []
    note = None
    if job.suspended and not held:
        actions.append(PatchJob(job.name, suspend=False))
    if job.step is Step.COMPRESS and job.parallelism != wanted:
        if held:
            text = "the new parallelism applies to the next Job, for this one is in a queue"
            note = Note(Reason.COMPRESSING, text)
        else:
            actions.append(PatchJob(job.name, parallelism=wanted))
    return tuple(actions), note


def queued(batch: ImageBatch) -> bool:
    """With a queue, Kueue owns ``suspend`` of the Jobs: it is never written here."""
    return LABEL_KUEUE_QUEUE in batch.labels
