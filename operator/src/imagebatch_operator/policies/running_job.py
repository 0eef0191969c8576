"""A Job that runs: in line with the batch, and asked why when it is blocked."""

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
    """What a running Job needs; ``failure`` is of its last pod, which the Job tries again."""
    actions = _bring_in_line(case, job)
    refused = still_refused(case, job)
    note = refused or failure or _says_of_queue(case, job)
    look_again = next_look(job, case.now)
    if refused is not None and job.ready:
        look_again = until_trusted(case, job)
    # Before its next pod a Job has none, which is no blockage: the failure stays to be read.
    if is_blocked(job, case.now) and (failure is None or job.active):
        text = case.seen.blocked.get(job.name)
        if text is None:
            return Next((*actions, ExplainBlocked(job.name)), note, look_again)
        note = Note(Reason.PODS_BLOCKED, text, stalled=True)
    return Next(actions, note, look_again, pauses=job.held)


def is_replaced(case: Case, job: JobView) -> bool:
    """Blocked, and born under a setting that has changed since: its next run may get further."""
    return is_blocked(job, case.now) and job.name in case.seen.outdated


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
