"""The stage of a batch that is not accepted: it waits, or it fails if waiting cannot help."""

from __future__ import annotations

from imagebatch_core.reasons import Phase

from .accepted import refused_since
from .backoff import FIRST, wait_since
from .ends import end
from .facts import Case
from .reuse import AWAITED
from .stages import Ended, Next, Refused


def refused(case: Case) -> Refused | Ended | None:
    """Return the stage of a refused batch; ``None`` when it is accepted."""
    refusal = case.seen.refusal
    if refusal is None:
        return None
    if refusal.permanent:
        return end(case, Phase.FAILED, refusal.reason, refusal.message, refusal)
    # Earlier batches are watched, so looking for one costs no request.
    wait = FIRST if refusal.reason in AWAITED else wait_since(refused_since(case.batch), case.now)
    return Refused(case.facts, refusal, Next(look_again=wait))
