"""A batch that is not accepted: it waits, or ends when waiting cannot help."""

from __future__ import annotations

from typing import Final

from imagebatch_core.reasons import Phase

from .actions import DeleteJob
from .facts import Case
from .stages import Ended, Next, Refused

_HEAL_SECONDS: Final = 15.0


def refused(case: Case) -> Refused | Ended | None:
    """``None`` once the batch is accepted."""
    refusal = case.seen.refusal
    if refusal is None:
        return None
    if not refusal.permanent:
        return Refused(case.facts, refusal, Next(look_again=_HEAL_SECONDS))
    jobs = tuple(DeleteJob(job.name) for job in case.seen.jobs)
    return Ended(
        case.facts, Phase.FAILED, refusal.reason, refusal.message, refusal,
        Next(jobs, look_again=0.0),
    )  # fmt: skip
