"""The actions for a running Job: patch it to match the batch, and find out why it is blocked."""

from __future__ import annotations

from imagebatch_core.job import Step
from imagebatch_core.reasons import Reason

from .actions import Action, ExplainBlocked, PatchJob
from .blocked import is_blocked, next_look
from .facts import Case
from .mending import still_refused, until_trusted
from .observed import JobView
from .stages import Next, Note


def keep_going(case: Case, job: JobView, failure: Note | None = None) -> Next:
    """Return the actions and the note for a running Job.

    ``failure`` is the note on its last failed pod, which the Job replaces by itself.
    """
    actions = _bring_in_line(case, job)
    refused = still_refused(case, job)
    note = refused or failure or _says_of_queue(case, job)
    look_again = next_look(job, case.now)
    if refused is not None and job.ready:
        look_again = until_trusted(case, job)
    # Between a failed pod and the next one a Job has no pod. That is no blockage, and the failure
    # stays visible.
    if is_blocked(job, case.now) and (failure is None or job.active):
        text = case.seen.blocked.get(job.name)
        if text is None:
            return Next((*actions, ExplainBlocked(job.name)), note, look_again)
        note = Note(Reason.PODS_BLOCKED, text, stalled=True)
    return Next(actions, note, look_again, pauses=job.held)


def is_replaced(case: Case, job: JobView) -> bool:
    """Return whether a Job is blocked and has outdated settings: a new run may then succeed."""
    return is_blocked(job, case.now) and job.name in case.seen.outdated


def _bring_in_line(case: Case, job: JobView) -> tuple[Action, ...]:
    """Return the patches that make a Job match the batch's spec; none for a Job in a queue."""
    if job.queue is not None:
        return ()
    actions: list[Action] = []
    if job.suspended:
        actions.append(PatchJob(job.name, suspend=False))
    if _has_old_parallelism(case, job):
        actions.append(PatchJob(job.name, parallelism=_parallelism(case)))
    return tuple(actions)


def _says_of_queue(case: Case, job: JobView) -> Note | None:
    """Return a note if a queue holds the Job, or prevents a change of its parallelism."""
    texts = [f"held by the queue {job.queue}"] if job.held else []
    if job.queue is not None and _has_old_parallelism(case, job):
        texts.append("the new parallelism applies to the next Job, because this one is in a queue")
    reason = Reason.QUEUED if job.held else Reason.COMPRESSING
    return Note(reason, "; ".join(texts)) if texts else None


def _has_old_parallelism(case: Case, job: JobView) -> bool:
    return job.step is Step.COMPRESS and job.parallelism != _parallelism(case)


def _parallelism(case: Case) -> int:
    return case.seen.ceilings.parallelism_of(case.batch.spec.parallelism)
