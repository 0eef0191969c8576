"""A batch that has ended: its webhook, its child Jobs, its time to live."""

from __future__ import annotations

from datetime import datetime, timedelta

from imagebatch_core.reasons import ConditionType
from imagebatch_core.resource import ImageBatch
from imagebatch_core.status import ImageBatchStatus

from .accepted import begun, still_accepted
from .actions import Action, Decision, DeleteBatch, DeleteJob, DeliverWebhook
from .conditions import Conditions
from .observed import Observation


def after_end(batch: ImageBatch, seen: Observation, now: datetime) -> Decision:
    """The status is written: what it says is done, never decided anew."""
    actions: list[Action] = [DeleteJob(job.name) for job in seen.jobs if not job.deleting]
    wake: list[datetime] = []
    outbox = batch.status.webhook
    pending = outbox is not None and outbox.delivered_time is None and not outbox.abandoned
    if outbox is not None and pending:
        due = outbox.next_attempt_time or now
        if due <= now:
            actions.append(DeliverWebhook())
        else:
            wake.append(due)
    expiry = _expiry(batch, pending=pending)
    if expiry is not None:
        if expiry <= now:
            actions.append(DeleteBatch())
        else:
            wake.append(expiry)
    requeue = max(0.1, (min(wake) - now).total_seconds()) if wake else None
    return Decision(_observed(batch, now), tuple(actions), requeue)


def _observed(batch: ImageBatch, now: datetime) -> ImageBatchStatus:
    """What was written at the end, and whether a later change of spec can be honoured."""
    conditions = Conditions(batch.status.conditions, batch.generation, now)
    if begun(batch):
        conditions.set(ConditionType.ACCEPTED, *still_accepted(batch))
    return batch.status.model_copy(
        update={"observed_generation": batch.generation, "conditions": conditions.list()}
    )


def _expiry(batch: ImageBatch, *, pending: bool) -> datetime | None:
    ttl, end = batch.spec.ttl_seconds_after_finished, batch.status.completion_time
    if ttl is None or end is None or pending:
        return None
    outbox = batch.status.webhook
    if outbox is not None:
        end = max(end, outbox.delivered_time or outbox.last_attempt_time or end)
    return end + timedelta(seconds=ttl)
