"""A batch that is not accepted: it waits, or ends when waiting cannot help."""

from __future__ import annotations

from imagebatch_core.reasons import Phase

from .accepted import refused_since
from .backoff import FIRST, wait_since
from .ends import end
from .facts import Case
from .reuse import AWAITED
from .stages import Ended, Next, Refused


def refused(case: Case) -> Refused | Ended | None:
    """``None`` once the batch is accepted."""
    refusal = case.seen.refusal
    if refusal is None:
        return None
    if refusal.permanent:
        return end(case, Phase.FAILED, refusal.reason, refusal.message, refusal)
    # To look for what is watched costs no request.
    wait = FIRST if refusal.reason in AWAITED else wait_since(refused_since(case.batch), case.now)
    return Refused(case.facts, refusal, Next(look_again=wait))
