"""The actions for a running Job: patch it to match the batch, and find out why it is blocked."""

from __future__ import annotations

from imagebatch_core.job import Step
from imagebatch_core.names import LABEL_KUEUE_PRIORITY
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
    """Return whether a new run replaces a Job.

    It does so if the Job is blocked and has outdated settings, or if a queue holds it that the
    batch has left. A batch that ends early has left its queue, whatever its labels say.
    """
    if is_blocked(job, case.now) and job.name in case.seen.outdated:
        return True
    return case.facts.ending is None and job.is_held_elsewhere(case.batch.labels)


def _bring_in_line(case: Case, job: JobView) -> tuple[Action, ...]:
    """Return the patches that make a Job match its batch.

    In a queue of Kueue's only Kueue writes ``suspend``, and it stops a running Job whose
    parallelism changes. It accepts another priority class for a running Job, but not a first one.
    """
    actions: list[Action] = []
    if job.suspended and job.queue is None:
        actions.append(PatchJob(job.name, suspend=False))
    if _has_old_parallelism(case, job) and not _is_admitted(job):
        actions.append(PatchJob(job.name, parallelism=_parallelism(case)))
    priority = case.batch.labels.get(LABEL_KUEUE_PRIORITY)
    may_change = job.held or (job.queue is not None and job.priority_class is not None)
    if priority and priority != job.priority_class and may_change:
        actions.append(PatchJob(job.name, priority_class=priority))
    return tuple(actions)


def _is_admitted(job: JobView) -> bool:
    return job.queue is not None and not job.suspended


def _says_of_queue(case: Case, job: JobView) -> Note | None:
    """Return a note if a queue holds the Job, or prevents a change of its parallelism."""
    texts = [f"waits in the Kueue queue {job.queue}"] if job.held else []
    if _is_admitted(job) and _has_old_parallelism(case, job):
        texts.append("the new parallelism applies to the next Job, because this one is in a queue")
    reason = Reason.QUEUED if job.held else Reason.COMPRESSING
    return Note(reason, "; ".join(texts)) if texts else None


def _has_old_parallelism(case: Case, job: JobView) -> bool:
    return job.step is Step.COMPRESS and job.parallelism != _parallelism(case)


def _parallelism(case: Case) -> int:
    return case.seen.ceilings.parallelism_of(case.batch.spec.parallelism)
