"""Decide when a failed pod of a Job is read, and interpret its outcome.

Each read costs a request. It is repeated only after a further pod has failed, and not more often
than every few seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from imagebatch_core.job import ExitCode

from .facts import Case
from .observed import JobView, Look, PodOutcome

_BETWEEN_LOOKS: Final = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Told:
    """The outcome of the last pod; ``None`` when it must be read first.

    ``look_again`` is the number of seconds until it should be read again.
    """

    outcome: PodOutcome | None
    look_again: float | None = None


def last_outcome(case: Case, job: JobView) -> Told:
    """Return how the last pod of a Job ended, as far as it was read."""
    outcome = case.seen.outcomes.get(job.name)
    if outcome is None or outcome.look is None or _is_up_to_date(outcome.look, job):
        return Told(outcome)
    left = (outcome.look.at + _BETWEEN_LOOKS - case.now).total_seconds()
    if job.finished or left <= 0:
        return Told(None)
    return Told(outcome, left)


def after_look(
    before: PodOutcome | None, outcome: PodOutcome, job: JobView, now: datetime
) -> PodOutcome:
    """Return the outcome that was read now, with a Look that continues the one before."""
    look = Look(now, job.failed_pods, job.finished, job.completed_indexes)
    if before is not None and before.look is not None:
        same = before.exit_code == outcome.exit_code
        if same and before.look.completed_indexes == job.completed_indexes:
            look = replace(look, repeats=before.look.repeats + 1)
    return replace(outcome, look=look)


def refuses_all(outcome: PodOutcome) -> bool:
    """Return whether the store or a setting refuses every pod of a shard Job that starts.

    A single refusal is no proof: the pod may have started while a key pair was being replaced. The
    Job then tries again.
    """
    again = outcome.look is None or outcome.look.repeats > 0
    return outcome.exit_code == ExitCode.CONFIGURATION_REFUSED and again


def _is_up_to_date(look: Look, job: JobView) -> bool:
    return (look.failed_pods, look.finished) == (job.failed_pods, job.finished)
