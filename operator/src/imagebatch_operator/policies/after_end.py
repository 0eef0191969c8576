"""The stage after a batch's end: delete its Jobs, send its webhook, delete it after its TTL.

It is also deleted when its namespace has as many newer ended batches as are kept. Neither deletes a
batch that another one waits to use.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from .actions import Action, DeleteBatch, DeleteJob, DeliverWebhook
from .facts import Case
from .stages import Next, Over
from .webhook_retries import receiver_changed, replayed, until_attempt


def over(case: Case) -> Over | None:
    """Return the stage Over if the batch ended in an earlier pass; nothing undoes an end."""
    batch, now = case.batch, case.now
    if batch.status.phase is None or not batch.status.phase.finished:
        return None
    actions: list[Action] = [DeleteJob(job.name) for job in case.seen.jobs if not job.deleting]
    changed = receiver_changed(batch, now) or replayed(batch, now)
    if changed is not None:
        return Over(changed, Next(tuple(actions), look_again=0.0))
    wake: list[datetime] = []
    left = until_attempt(batch.status.webhook, now)
    pending = left is not None
    if left is not None and left <= 0:
        actions.append(DeliverWebhook())
    elif left is not None:
        wake.append(now + timedelta(seconds=left))
    expiry = _expiry(case, pending=pending)
    if case.seen.retention.surplus and not (pending or case.seen.retention.awaited):
        actions.append(DeleteBatch())
    elif expiry is not None:
        if expiry <= now:
            actions.append(DeleteBatch())
        else:
            wake.append(expiry)
    look_again = max(0.1, (min(wake) - now).total_seconds()) if wake else None
    return Over(next=Next(tuple(actions), look_again=look_again))


def _expiry(case: Case, *, pending: bool) -> datetime | None:
    batch, end = case.batch, case.batch.status.completion_time
    ttl = batch.spec.ttl_seconds_after_finished
    if ttl is None:
        ttl = case.seen.retention.ttl
    if ttl is None or end is None or pending or case.seen.retention.awaited:
        return None
    outbox = batch.status.webhook
    if outbox is not None:
        end = max(end, outbox.delivered_time or outbox.last_attempt_time or end)
    return end + timedelta(seconds=ttl)
