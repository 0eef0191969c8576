"""Decide when a webhook is retried and when it is given up. The status records each attempt."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from imagebatch_core.reasons import Reason
from imagebatch_core.resource import ImageBatch
from imagebatch_core.shortened import shortened
from imagebatch_core.spec import Webhook
from imagebatch_core.status import ImageBatchStatus
from imagebatch_core.webhook_status import (
    ATTEMPT_MESSAGE_LENGTH,
    RECENT_ATTEMPTS,
    WebhookAttempt,
    WebhookStatus,
)

from .stages import Delivery, Over
from .status import new_outbox, replay_asked, status_of

#: Seconds before each attempt; the first attempt is made at once.
SCHEDULE: Final = (0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
_JITTER: Final = 0.1


@dataclass(frozen=True, slots=True)
class Attempt:
    """The result of one attempt to deliver a webhook.

    ``code`` is the HTTP status, ``None`` if there was no response. ``reason`` is set if the failure
    is not the receiver's. ``retry_after`` is the wait in seconds that the receiver asked for.
    ``target`` is the :func:`digest` of the receiver.
    """

    code: int | None
    error: str | None = None
    reason: Reason | None = None
    retry_after: float | None = None
    target: str | None = None

    @property
    def delivered(self) -> bool:
        return self.code is not None and 200 <= self.code < 300


def after_attempt(
    batch: ImageBatch, attempt: Attempt, now: datetime, jitter: float | None = None
) -> ImageBatchStatus:
    """Return the status that records an attempt, and when the next one is due, if any.

    ``jitter`` changes the wait by a share in [-0.1, 0.1]; it is random if not given.
    """
    if batch.status.webhook is None:
        return batch.status
    if jitter is None:
        jitter = random.uniform(-_JITTER, _JITTER)  # noqa: S311 - spreads load, hides nothing
    delivery = _delivery(batch.status.webhook, attempt, now, jitter)
    status = status_of(batch, Over(delivery), now)
    if batch.status.phase is not None and batch.status.phase.finished:
        return status
    # Nothing else of a running batch's spec was looked at.
    seen = {"observed_generation": batch.status.observed_generation}
    return status.model_copy(update=seen)


def until_attempt(outbox: WebhookStatus | None, now: datetime) -> float | None:
    """Return the seconds until the next attempt, at most 0 if it is due; ``None`` if none is."""
    if outbox is None or outbox.delivered_time is not None or outbox.abandoned:
        return None
    return ((outbox.next_attempt_time or now) - now).total_seconds()


def digest(webhook: Webhook) -> str:
    """Return a hash that identifies the receiver and its secret without showing the address.

    Only fields that are set count, so a field that a newer release adds changes no digest.
    """
    return sha256(webhook.model_dump_json(exclude_defaults=True).encode()).hexdigest()


def receiver_changed(batch: ImageBatch, now: datetime) -> Delivery | None:
    """Return the new outbox if ``spec.webhook`` changed since the last attempt.

    A changed webhook starts the attempts again, and so does one that is added after the end; a
    removed one ends them. ``None`` if it did not change, or the event was delivered.
    """
    webhook, outbox, phase = batch.spec.webhook, batch.status.webhook, batch.status.phase
    if phase is None or (outbox is not None and outbox.delivered_time is not None):
        return None
    if outbox is None and not phase.finished:
        return None
    if webhook is None:
        return Delivery(None, None, Reason.NOT_REQUESTED) if outbox is not None else None
    if outbox is not None and outbox.target in (None, digest(webhook)):
        return None
    fresh = new_outbox(batch, (outbox and outbox.event) or phase, now)
    if outbox is not None:
        fresh = fresh.model_copy(update={"time": outbox.time, "recent": outbox.recent})
    return Delivery(fresh, False, Reason.PENDING_DELIVERY)


def replayed(batch: ImageBatch, now: datetime) -> Delivery | None:
    """Return the outbox with the same event due now if a replay is asked for that was not yet.

    The attempts are counted anew; without an event there is nothing to replay.
    """
    outbox, asked = batch.status.webhook, replay_asked(batch)
    if outbox is None or asked is None or asked == outbox.replay:
        return None
    again = {
        "attempts": 0,
        "next_attempt_time": now,
        "delivered_time": None,
        "abandoned": False,
        "replay": asked,
    }
    return Delivery(outbox.model_copy(update=again), False, Reason.PENDING_DELIVERY, "replayed")


def _delivery(outbox: WebhookStatus, attempt: Attempt, now: datetime, jitter: float) -> Delivery:
    attempts = outbox.attempts + 1
    what = f"HTTP {attempt.code}" if attempt.code is not None else attempt.error or "no response"
    message = shortened(what, ATTEMPT_MESSAGE_LENGTH)
    made = WebhookAttempt(time=now, code=attempt.code, message=message)
    tried = outbox.model_copy(
        update={
            "attempts": attempts,
            "last_attempt_time": now,
            "last_code": attempt.code,
            "target": attempt.target,
            "next_attempt_time": None,
            "recent": [*outbox.recent, made][-RECENT_ATTEMPTS:],
        }
    )
    given_up = tried.model_copy(update={"abandoned": True})
    if attempt.delivered:
        taken = tried.model_copy(update={"delivered_time": now})
        return Delivery(taken, True, Reason.DELIVERED, what)
    if attempt.code == 410:
        return Delivery(
            given_up, False, Reason.RECEIVER_GONE, "HTTP 410: the receiver wants no more"
        )
    if attempts >= len(SCHEDULE):
        text = f"{what}; gave up after {attempts}"
        return Delivery(given_up, False, Reason.DELIVERY_FAILED, text)
    delay = max(SCHEDULE[attempts] * (1 + jitter), attempt.retry_after or 0.0)
    later = tried.model_copy(update={"next_attempt_time": now + timedelta(seconds=delay)})
    reason = attempt.reason or Reason.PENDING_DELIVERY
    return Delivery(later, False, reason, f"attempt {attempts}: {what}")
