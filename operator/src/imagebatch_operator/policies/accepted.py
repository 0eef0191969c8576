"""Check whether an accepted batch is still acceptable, since a few of its fields may change.

A batch that has begun is not stopped for such a change. It goes on as it was accepted, and the
condition ``Accepted`` says that the change has no effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from imagebatch_core.ceilings import NO_CEILINGS, Ceilings, Exceeded
from imagebatch_core.condition import ConditionStatus
from imagebatch_core.names import LABEL_KUEUE_PRIORITY, LABEL_KUEUE_QUEUE
from imagebatch_core.reasons import ConditionType, Reason
from imagebatch_core.resource import ImageBatch

from .observed import Refusal


def begun(batch: ImageBatch) -> bool:
    """Return whether the first Job of the batch was requested."""
    return batch.status.start_time is not None


def refused_since(batch: ImageBatch) -> datetime | None:
    """Return the time since which the batch is refused; ``None`` if it is not refused."""
    accepted = batch.status.condition(ConditionType.ACCEPTED)
    if accepted is None or accepted.status is not ConditionStatus.FALSE:
        return None
    return accepted.last_transition_time


def still_accepted(batch: ImageBatch, ceilings: Ceilings = NO_CEILINGS) -> tuple[bool, Reason, str]:
    """Return status, reason and message of the condition ``Accepted`` for an accepted batch."""
    if batch.unknown_fields:
        text = f"this operator does not know {', '.join(batch.unknown_fields)}"
        advice = "the change has no effect and the batch goes on as it was accepted: take it back"
        return False, Reason.SPEC_NOT_UNDERSTOOD, f"{text}; {advice}"
    priority = priority_in_kueue(batch)
    if priority is not None:
        return False, priority.reason, f"{priority.message}; the batch goes on"
    over = [one for one in ceilings.exceeded(batch.spec) if one.fixable]
    if over:
        text = f"{_listed(over)}; the batch goes on with what is allowed"
        return False, Reason.LIMIT_EXCEEDED, text
    return True, Reason.ACCEPTED, ""


def priority_in_kueue(batch: ImageBatch) -> Refusal | None:
    """Return a refusal if the batch has a priority although Kueue decides when it runs.

    It is not permanent: both the priority and the label may be changed.
    """
    queue = batch.labels.get(LABEL_KUEUE_QUEUE)
    if not queue or not batch.spec.priority:
        return None
    text = (
        f"spec.priority has no effect in the Kueue queue {queue}: set the label "
        f"{LABEL_KUEUE_PRIORITY} instead, and spec.priority to 0"
    )
    return Refusal(Reason.INVALID_SPEC, text, permanent=False)


def over_ceilings(batch: ImageBatch, ceilings: Ceilings) -> Refusal | None:
    """Return a refusal if the batch asks for more than the release allows.

    It is permanent if one of the fields cannot be changed.
    """
    over = ceilings.exceeded(batch.spec)
    if not over:
        return None
    permanent = not all(one.fixable for one in over)
    return Refusal(Reason.LIMIT_EXCEEDED, _listed(over), permanent)


def _listed(over: Sequence[Exceeded]) -> str:
    return "; ".join(str(one) for one in over)


def not_understood(batch: ImageBatch) -> Refusal | None:
    """Return a refusal if the spec has fields that only a newer operator knows.

    It is not permanent: an upgrade of the operator lifts it.
    """
    if not batch.unknown_fields:
        return None
    text = (
        f"this operator does not know {', '.join(batch.unknown_fields)}: it is older than the CRD. "
        "The batch waits for its upgrade"
    )
    return Refusal(Reason.SPEC_NOT_UNDERSTOOD, text, permanent=False)
