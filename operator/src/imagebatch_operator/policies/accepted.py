"""Whether a batch, once accepted, still is: its few mutable fields may ask for too much.

Work that was begun is not thrown away for it: the batch goes on as it was accepted, and the
condition says that the change has no effect.
"""

from __future__ import annotations

from datetime import datetime

from imagebatch_core.reasons import ConditionType, Reason
from imagebatch_core.resource import ImageBatch
from imagebatch_core.status import ConditionStatus
from imagebatch_core.unsupported import explain_unsupported, unsupported

from .observed import Refusal


def begun(batch: ImageBatch) -> bool:
    """Its first Job was asked for."""
    return batch.status.start_time is not None


def refused_since(batch: ImageBatch) -> datetime | None:
    """When it was refused first; ``None`` if it is not refused."""
    accepted = batch.status.condition(ConditionType.ACCEPTED)
    if accepted is None or accepted.status is not ConditionStatus.FALSE:
        return None
    return accepted.last_transition_time


def still_accepted(batch: ImageBatch) -> tuple[bool, Reason, str]:
    """Status, reason and message of ``Accepted``."""
    unknown = not_understood(batch)
    fields = [*batch.unknown_fields, *unsupported(batch.spec)]
    if not fields:
        return True, Reason.ACCEPTED, ""
    advice = "the change has no effect and the batch goes on as it was accepted: take it back"
    reason = unknown.reason if unknown else Reason.NOT_IMPLEMENTED
    return False, reason, explain_unsupported(fields, advice)


def not_understood(batch: ImageBatch) -> Refusal | None:
    """A refusal, until the operator is upgraded, of fields that only a newer one knows."""
    if not batch.unknown_fields:
        return None
    text = (
        f"this operator does not know {', '.join(batch.unknown_fields)}: it is older than the CRD. "
        "The batch waits for its upgrade"
    )
    return Refusal(Reason.SPEC_NOT_UNDERSTOOD, text, permanent=False)
