"""The actions for a running Job: patch it to match the batch, and find out why it is blocked."""

from __future__ import annotations

from typing import Final

from imagebatch_core.job import Step
from imagebatch_core.names import LABEL_KUEUE_PRIORITY
from imagebatch_core.reasons import Reason

from .actions import Action, ExplainBlocked, PatchJob
from .backoff import wait_since
from .blocked import is_blocked, next_look
from .facts import Case
from .mending import still_refused, until_trusted
from .observed import JobView
from .stages import Next, Note

#: Seconds within which Kueue has looked at a new Job.
_KUEUE_DECIDES_WITHIN: Final = 5.0


def keep_going(case: Case, job: JobView, failure: Note | None = None) -> Next:
    """Return the actions and the note for a running Job.

    ``failure`` is the note on its last failed pod, which the Job replaces by itself.
    """
    if job.held:
        return _wait_in_queue(case, job)
    actions = bring_in_line(case, job)
    refused = still_refused(case, job)
    note = refused or failure or _applies_later(case, job)
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
    return Next(actions, note, look_again)


def _wait_in_queue(case: Case, job: JobView) -> Next:
    """Return the actions and the note for a Job that its queue holds; the note says why it does."""
    actions = bring_in_line(case, job)
    text = f"waits in the Kueue queue {job.queue}"
    look_again = _KUEUE_DECIDES_WITHIN - (case.now - job.started).total_seconds()
    if look_again <= 0:
        look_again = wait_since(job.started, case.now)
        why = case.seen.blocked.get(job.name)
        if why is None:
            actions = (*actions, ExplainBlocked(job.name))
        elif why:
            text += f": {why}"
    note = still_refused(case, job) or Note(Reason.QUEUED, text)
    return Next(actions, note, look_again, pauses=True)


def is_replaced(case: Case, job: JobView) -> bool:
    """Return whether a new run replaces a Job.

    It does so if the Job is blocked and has outdated settings, or if a queue holds it that the
    batch has left. A batch that ends early has left its queue, whatever its labels say.
    """
    if is_blocked(job, case.now) and job.name in case.seen.outdated:
        return True
    return case.facts.ending is None and job.is_held_elsewhere(case.batch.labels)


def bring_in_line(case: Case, job: JobView) -> tuple[Action, ...]:
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


def _applies_later(case: Case, job: JobView) -> Note | None:
    """Return a note if the Job's queue prevents a change of its parallelism."""
    if not (_is_admitted(job) and _has_old_parallelism(case, job)):
        return None
    text = "the new parallelism applies to the next Job, because this one is in a queue"
    return Note(Reason.COMPRESSING, text)


def _has_old_parallelism(case: Case, job: JobView) -> bool:
    return job.step is Step.COMPRESS and job.parallelism != _parallelism(case)


def _parallelism(case: Case) -> int:
    return case.seen.ceilings.parallelism_of(case.batch.spec.parallelism)
