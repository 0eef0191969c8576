"""Choose the changes of a status that are reported as Events and log lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imagebatch_core.condition import Condition, ConditionStatus
from imagebatch_core.reasons import ConditionType, Phase, Reason
from imagebatch_core.status import ImageBatchStatus

from .reuse import AWAITED

T = ConditionType


@dataclass(frozen=True, slots=True)
class Notice:
    """A log line and, if ``event``, an Event; ``warning`` if something is refused or fails."""

    reason: str
    message: str
    warning: bool = False
    event: bool = True


def notices(before: ImageBatchStatus, after: ImageBatchStatus) -> tuple[Notice, ...]:
    """Return the notices for a change of status.

    Over its life a batch gets a handful of Events, and one for each attempt to deliver its webhook.
    """
    return (
        *_phase(before, after),
        *_refusal(before, after),
        *_stalled(before, after),
        *_retrying(before, after),
        *_webhook(before, after),
    )


def _phase(before: ImageBatchStatus, after: ImageBatchStatus) -> Iterator[Notice]:
    phase = after.phase
    if phase is None or phase is before.phase:
        return
    told = after.condition(T.SUCCEEDED if phase.finished else T.RECONCILING)
    if phase is Phase.PENDING and (told is None or told.reason != Reason.QUEUED):
        return  # the refusal explains why the batch is pending
    if told is not None:
        yield Notice(told.reason, f"{phase}: {told.message}", phase is Phase.FAILED)


def _refusal(before: ImageBatchStatus, after: ImageBatchStatus) -> Iterator[Notice]:
    refused = _begins(T.ACCEPTED, ConditionStatus.FALSE, before, after)
    if refused is not None and not _ends(after):
        yield Notice(refused.reason, refused.message, refused.reason not in AWAITED)


def _stalled(before: ImageBatchStatus, after: ImageBatchStatus) -> Iterator[Notice]:
    stalled = _begins(T.STALLED, ConditionStatus.TRUE, before, after)
    waits = after.phase is Phase.PENDING  # the notice of the refusal covers this
    if stalled is not None and not waits and not _ends(after):
        yield Notice(stalled.reason, stalled.message, warning=True)


def _retrying(before: ImageBatchStatus, after: ImageBatchStatus) -> Iterator[Notice]:
    """Log that pods fail, without an Event: in a large batch that may go on for hours."""
    told = _begins(T.RECONCILING, ConditionStatus.TRUE, before, after)
    if told is not None and told.reason is Reason.RETRYING:
        yield Notice(told.reason, told.message, warning=True, event=False)


def _webhook(before: ImageBatchStatus, after: ImageBatchStatus) -> Iterator[Notice]:
    told = after.condition(T.WEBHOOK_DELIVERED)
    if told is None or after.webhook is None or before.webhook is None:
        return
    if after.webhook.attempts > before.webhook.attempts:
        delivered = told.status == ConditionStatus.TRUE
        what = "delivered" if delivered else "not delivered"
        yield Notice(told.reason, f"webhook {what}: {told.message}", warning=not delivered)


def _begins(
    kind: ConditionType, status: ConditionStatus, before: ImageBatchStatus, after: ImageBatchStatus
) -> Condition | None:
    """Return the condition if it changed to that status, or changed its reason within it.

    A change of the message alone does not count, because messages hold numbers that grow.
    """
    old, new = before.condition(kind), after.condition(kind)
    if new is None or new.status != status:
        return None
    if old is not None and (old.status, old.reason) == (new.status, new.reason):
        return None
    return new


def _ends(status: ImageBatchStatus) -> bool:
    return status.phase is not None and status.phase.finished
