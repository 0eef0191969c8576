"""A batch that is not accepted: it waits, or ends when waiting cannot help."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from imagebatch_core.reasons import ConditionType, Phase, Reason
from imagebatch_core.status import ConditionStatus

from .actions import DeleteJob
from .backoff import wait_since
from .facts import Case
from .stages import Ended, Next, Refused

_POLL_SECONDS: Final = 15.0
#: Decided from what is watched: asking again costs no request.
_WATCHED: Final = (Reason.EARLIER_BATCH_NOT_ENDED, Reason.EARLIER_BATCH_NOT_FOUND)


def refused(case: Case) -> Refused | Ended | None:
    """``None`` once the batch is accepted."""
    refusal = case.seen.refusal
    if refusal is None:
        return None
    if not refusal.permanent:
        wait = _POLL_SECONDS if refusal.reason in _WATCHED else wait_since(_since(case), case.now)
        return Refused(case.facts, refusal, Next(look_again=wait))
    jobs = tuple(DeleteJob(job.name) for job in case.seen.jobs)
    return Ended(
        case.facts, Phase.FAILED, refusal.reason, refusal.message, refusal,
        Next(jobs, look_again=0.0),
    )  # fmt: skip


def _since(case: Case) -> datetime | None:
    """When it was refused first."""
    accepted = case.batch.status.condition(ConditionType.ACCEPTED)
    if accepted is None or accepted.status is not ConditionStatus.FALSE:
        return None
    return accepted.last_transition_time
