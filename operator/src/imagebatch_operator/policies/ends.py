"""The ends of a batch that need no Job: it is cancelled, or its deadline has passed."""

from __future__ import annotations

from imagebatch_core.reasons import Phase, Reason
from imagebatch_core.status import Paused

from .actions import DeleteJob
from .facts import Case
from .observed import Refusal
from .stages import Ended, Next


def cancelled(case: Case) -> Ended | None:
    """Return the end of a batch whose ``spec.cancel`` is set."""
    if not case.batch.spec.cancel:
        return None
    return end(case, Phase.CANCELLED, Reason.CANCELLED, "cancelled by spec.cancel")


def deadline_exceeded(case: Case) -> Ended | None:
    """Return the end of a batch that ran for ``spec.activeDeadlineSeconds``, pauses not counted."""
    left = until_deadline(case)
    if left is None or left > 0:
        return None
    text = f"not finished within activeDeadlineSeconds ({case.batch.spec.active_deadline_seconds})"
    return end(case, Phase.FAILED, Reason.DEADLINE_EXCEEDED, text)


def until_deadline(case: Case) -> float | None:
    """Return the seconds left until the deadline; ``None`` without one, or before the start."""
    limit, status = case.batch.spec.active_deadline_seconds, case.batch.status
    if limit is None or status.start_time is None:
        return None
    paused = status.paused or Paused()
    active = (paused.since or case.now) - status.start_time
    return limit + paused.seconds - active.total_seconds()


def end(
    case: Case, phase: Phase, reason: Reason, message: str, refusal: Refusal | None = None
) -> Ended:
    """Return an end that deletes all Jobs of the batch."""
    jobs = tuple(DeleteJob(job.name) for job in case.seen.jobs)
    return Ended(case.facts, phase, reason, message, refusal, Next(jobs, look_again=0.0))
