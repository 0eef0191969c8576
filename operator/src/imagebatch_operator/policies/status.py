"""Derive the status of a batch from its stage: every phase and every condition is set here."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Any, Final, assert_never

from imagebatch_core.ceilings import NO_CEILINGS, Ceilings
from imagebatch_core.names import ANNOTATION_REPLAY_WEBHOOK
from imagebatch_core.reasons import ConditionType, Phase, Reason
from imagebatch_core.resource import BatchRecord, ImageBatch
from imagebatch_core.status import ImageBatchStatus, Paused
from imagebatch_core.webhook_status import PLANNED, WebhookStatus

from .accepted import begun, still_accepted
from .conditions import Conditions
from .stages import (
    Collecting,
    Compressing,
    Delivery,
    Ended,
    Note,
    Over,
    Planning,
    Queued,
    Refused,
    Stage,
    Suspended,
    Unfinished,
)

T = ConditionType

#: Refusals that last until somebody changes the release, the namespace or the batch.
_NEEDS_SOMEBODY: Final = (
    Reason.STORAGE_NOT_CONFIGURED,
    Reason.SPEC_NOT_UNDERSTOOD,
    Reason.INVALID_SPEC,
    Reason.LIMIT_EXCEEDED,
)


def status_of(
    batch: ImageBatch,
    stage: Stage,
    now: datetime,
    ceilings: Ceilings = NO_CEILINGS,
    delivery: Delivery | None = None,
) -> ImageBatchStatus:
    """Return the status to write; it equals the batch's own when nothing changed.

    ``delivery`` is a change of the outbox of a batch that has not ended.
    """
    told = Conditions(batch.status.conditions, batch.generation, now)
    if isinstance(stage, Over):
        fields = _over(batch, stage, told)
    elif isinstance(stage, Ended):
        fields = stage.facts.by_name() | _ended(batch, stage, told, now)
    else:
        fields = stage.facts.by_name() | _unfinished(batch, stage, told, now, ceilings)
        fields |= _outbox(batch, stage, told, now, delivery)
    return batch.status.model_copy(
        update={**fields, "conditions": told.list(), "observed_generation": batch.generation}
    )


def _says(stage: Unfinished) -> tuple[Phase, Note]:
    """Return the phase of a stage, and the note for Reconciling when the stage brings none."""
    match stage:
        case Refused(refusal=refusal):
            stalled = refusal.reason in _NEEDS_SOMEBODY
            return Phase.PENDING, Note(Reason.WAITING, refusal.message, stalled)
        case Suspended(reason=reason, message=message):
            return Phase.SUSPENDED, Note(reason, message)
        case Queued(message=message):
            return Phase.PENDING, Note(Reason.QUEUED, message)
        case Planning():
            text = "validating and splitting the CSV"
            return Phase.PROCESSING, Note(Reason.PLANNING, text)
        case Compressing(facts=facts):
            return Phase.PROCESSING, Note(Reason.COMPRESSING, facts.progress)
        case Collecting(facts=facts):
            text = "writing the report"
            if facts.ending is not None:
                text = f"{facts.ending.message}; writing the report of what is done"
            return Phase.PROCESSING, Note(Reason.COLLECTING, text)
    assert_never(stage)


def _unfinished(
    batch: ImageBatch, stage: Unfinished, told: Conditions, now: datetime, ceilings: Ceilings
) -> dict[str, Any]:
    """Set the conditions of a batch that has not ended, and return its other fields."""
    phase, note = _says(stage)
    note = stage.next.note or note
    if isinstance(stage, Refused):
        told.set(T.ACCEPTED, False, stage.refusal.reason, stage.refusal.message)
    else:
        told.set(T.ACCEPTED, *still_accepted(batch, ceilings))
    if isinstance(stage, Suspended):
        told.set(T.SUSPENDED, True, stage.reason, stage.message)
    else:
        told.set(T.SUSPENDED, False, Reason.NOT_SUSPENDED)
    _set_progress(told, note)
    begins = phase is Phase.PROCESSING and not begun(batch)
    if note.reason is Reason.QUEUED and stage.facts.ending is None:
        phase = Phase.PENDING  # its Job waits in a queue of Kueue's
    return {
        "phase": phase,
        "start_time": now if begins else batch.status.start_time,
        "queue_position": stage.position if isinstance(stage, Queued) else None,
        "paused": _paused(batch, stage.next.pauses, now),
    }


def _outbox(
    batch: ImageBatch,
    stage: Unfinished,
    told: Conditions,
    now: datetime,
    delivery: Delivery | None,
) -> dict[str, Any]:
    """Return the outbox of a batch that has not ended, if it changes.

    It gets the event that the batch is planned when suspendAfter holds it for the first time.
    """
    if delivery is not None:
        told.set(T.WEBHOOK_DELIVERED, delivery.delivered, delivery.reason, delivery.message)
        return {"webhook": delivery.outbox}
    planned = isinstance(stage, Suspended) and stage.reason is Reason.AWAITING_CONFIRMATION
    if not planned or batch.spec.webhook is None or batch.status.webhook is not None:
        return {}
    told.set(T.WEBHOOK_DELIVERED, False, Reason.PENDING_DELIVERY)
    return {"webhook": new_outbox(batch, PLANNED, now)}


def _set_progress(told: Conditions, note: Note) -> None:
    """Set the conditions that say whether an unfinished batch goes on, or waits for somebody.

    Reconciling and Stalled are never True together: for kstatus, Reconciling outweighs Stalled.
    """
    told.set(T.RECONCILING, not note.stalled, note.reason, note.message)
    if note.stalled:
        told.set(T.STALLED, True, note.reason, note.message)
    else:
        told.set(T.STALLED, False, Reason.NOT_STALLED)
    told.set(T.SUCCEEDED, None, Reason.IN_PROGRESS)
    told.set(T.FINISHED, False, Reason.IN_PROGRESS)


def _paused(batch: ImageBatch, pauses: bool, now: datetime) -> Paused | None:
    """Return since when the batch is paused, and the seconds of its earlier pauses."""
    before = batch.status.paused
    if pauses and begun(batch):
        before = before or Paused()
        return before if before.since else before.model_copy(update={"since": now})
    if before is None or before.since is None:
        return before
    ended = before.seconds + round((now - before.since).total_seconds())
    return Paused(seconds=ended)


def _ended(batch: ImageBatch, stage: Ended, told: Conditions, now: datetime) -> dict[str, Any]:
    """Set the conditions of a batch that ends now, and return its other fields.

    The webhook's event is recorded in the same write, before it is sent.
    """
    failed = stage.phase is Phase.FAILED
    if stage.refusal is not None:
        told.set(T.ACCEPTED, False, stage.refusal.reason, stage.refusal.message)
    elif begun(batch):
        told.set(T.ACCEPTED, *still_accepted(batch))
    told.set(T.SUSPENDED, False, Reason.NOT_SUSPENDED)
    told.set(T.RECONCILING, False, Reason.FINISHED, stage.message)
    # kstatus: Stalled tells Flux that waiting longer is of no use.
    told.set(T.STALLED, failed, stage.reason, stage.message)
    told.set(T.SUCCEEDED, stage.phase is Phase.COMPLETED, stage.reason, stage.message)
    told.set(T.FINISHED, True, stage.reason, stage.message)
    start = batch.status.start_time or batch.creation_timestamp
    fields: dict[str, Any] = {
        "phase": stage.phase,
        "completion_time": now,
        "duration": human_duration((now - start).total_seconds()),
        "paused": _paused(batch, False, now),
        "retry": None,
        "ending": None,
        "queue_position": None,
    }
    if batch.spec.webhook is None:
        told.set(T.WEBHOOK_DELIVERED, None, Reason.NOT_REQUESTED)
        return fields
    told.set(T.WEBHOOK_DELIVERED, False, Reason.PENDING_DELIVERY)
    return {**fields, "webhook": new_outbox(batch, stage.phase, now)}


def _over(batch: ImageBatch, stage: Over, told: Conditions) -> dict[str, Any]:
    """Update ``Accepted`` and the webhook of a batch that ended earlier; all else stays."""
    if begun(batch):
        told.set(T.ACCEPTED, *still_accepted(batch))
    succeeded = batch.status.condition(T.SUCCEEDED)
    ended = batch.status.phase is not None and batch.status.phase.finished
    if succeeded is not None and ended and batch.status.condition(T.FINISHED) is None:
        # A release without this condition ended the batch.
        told.set(T.FINISHED, True, succeeded.reason, succeeded.message)
    if stage.delivery is None:
        return {}
    delivery = stage.delivery
    told.set(T.WEBHOOK_DELIVERED, delivery.delivered, delivery.reason, delivery.message)
    return {"webhook": delivery.outbox}


def status_of_unreadable(batch: BatchRecord, problem: str, now: datetime) -> ImageBatchStatus:
    """Return the status of a batch whose spec this operator cannot read: Accepted is False.

    The phase stays, because a newer operator may have begun the batch.
    """
    phase = batch.status.phase or Phase.PENDING
    text = (
        f"this operator cannot read {problem}. If that is no mistake, it is older than the CRD: "
        "nothing is done until its upgrade"
    )
    told = Conditions(batch.status.conditions, batch.generation, now)
    told.set(T.ACCEPTED, False, Reason.SPEC_NOT_UNDERSTOOD, text)
    if not phase.finished:
        _set_progress(told, Note(Reason.WAITING, text, stalled=True))
    changed = {"phase": phase, "conditions": told.list(), "observed_generation": batch.generation}
    return batch.status.model_copy(update=changed)


def new_outbox(batch: ImageBatch, event: str, now: datetime) -> WebhookStatus:
    """Return an outbox whose event is due now; the same batch and event give the same event id.

    ``event`` is :data:`PLANNED` or the phase in which the batch ended.
    """
    identity = sha256(f"{batch.uid}/{event}".encode()).hexdigest()[:32]
    return WebhookStatus(
        event_id=f"evt_{identity}",
        event=str(event),
        time=now,
        next_attempt_time=now,
        replay=replay_asked(batch),
    )


def replay_asked(batch: ImageBatch) -> str | None:
    """Return the hash of the annotation that asks for a replay; ``None`` if there is none."""
    value = batch.annotations.get(ANNOTATION_REPLAY_WEBHOOK)
    return None if value is None else sha256(value.encode()).hexdigest()


def human_duration(seconds: float) -> str:
    """Return a duration as kubectl writes ages: ``42s``, ``7m12s``, ``3h5m``."""
    total = max(0, round(seconds))
    if total < 60:
        return f"{total}s"
    if total < 3600:
        return f"{total // 60}m{total % 60}s"
    return f"{total // 3600}h{total % 3600 // 60}m"
