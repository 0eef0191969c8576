"""A Job that is to be created, or that runs: what it needs, and why it is blocked."""

from __future__ import annotations

from imagebatch_core.job import Step
from imagebatch_core.reasons import Reason

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
    actions, note = _bring_in_line(case, job), _says_of_queue(case, job)
    look_again = next_look(job, case.now)
    if error is not None:
        note = Note(Reason.RETRYING, error)
    # Before its next pod a Job has none, which is no blockage: the error stays to be read.
    if is_blocked(job, case.now) and (error is None or job.active):
        text = case.seen.blocked.get(job.name)
        if text is None:
            return Next((*actions, ExplainBlocked(job.name)), note, look_again)
        note = Note(Reason.PODS_BLOCKED, text)
    return Next(actions, note, look_again, pauses=job.held)


def _bring_in_line(case: Case, job: JobView) -> tuple[Action, ...]:
    """Its settings are the batch's, as far as no queue owns them."""
    if job.queue is not None:
        return ()
    actions: list[Action] = []
    if job.suspended:
        actions.append(PatchJob(job.name, suspend=False))
    if _has_old_parallelism(case, job):
        actions.append(PatchJob(job.name, parallelism=case.batch.spec.parallelism))
    return tuple(actions)


def _says_of_queue(case: Case, job: JobView) -> Note | None:
    """What its queue holds up, or does not let us change."""
    texts = [f"held by the queue {job.queue}"] if job.held else []
    if job.queue is not None and _has_old_parallelism(case, job):
        texts.append("the new parallelism applies to the next Job, for this one is in a queue")
    reason = Reason.QUEUED if job.held else Reason.COMPRESSING
    return Note(reason, "; ".join(texts)) if texts else None


def _has_old_parallelism(case: Case, job: JobView) -> bool:
    return job.step is Step.COMPRESS and job.parallelism != case.batch.spec.parallelism
