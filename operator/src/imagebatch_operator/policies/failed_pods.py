"""The pods of a Job that failed: when one of them is looked at, and what it told.

A look costs a request, so it is made again only after a further failure, and not at once.
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
    """The last pod's outcome, ``None`` when it has to be looked at; and when it is again."""

    outcome: PodOutcome | None
    look_again: float | None = None


def last_outcome(case: Case, job: JobView) -> Told:
    """How the last pod of a Job ended."""
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
    """What was read of a Job's pods now, with what had been read before."""
    look = Look(now, job.failed_pods, job.finished, job.completed_indexes)
    if before is not None and before.look is not None:
        same = before.exit_code == outcome.exit_code
        if same and before.look.completed_indexes == job.completed_indexes:
            look = replace(look, repeats=before.look.repeats + 1)
    return replace(outcome, look=look)


def refuses_all(outcome: PodOutcome) -> bool:
    """Whether the pods of a shard Job find the store or a setting refused, each that starts.

    One alone may have begun with a key pair that was being replaced: its Job tries that again.
    """
    again = outcome.look is None or outcome.look.repeats > 0
    return outcome.exit_code == ExitCode.CONFIGURATION_REFUSED and again


def _is_up_to_date(look: Look, job: JobView) -> bool:
    return (look.failed_pods, look.finished) == (job.failed_pods, job.finished)
