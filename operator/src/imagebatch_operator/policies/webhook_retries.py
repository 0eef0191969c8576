"""When a webhook is tried again, and when no more: recorded in the status after each attempt."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from imagebatch_core.reasons import ConditionType, Reason
from imagebatch_core.resource import ImageBatch
from imagebatch_core.status import ImageBatchStatus

from .conditions import Conditions

#: Seconds before each attempt, the first of them at once.
SCHEDULE: Final = (0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
_JITTER: Final = 0.1


@dataclass(frozen=True, slots=True)
class Attempt:
    """``code`` is the HTTP status, ``None`` when there was no answer; ``reason`` names a failure
    that the receiver has no part in."""

    code: int | None
    error: str | None = None
    reason: Reason | None = None
    retry_after: float | None = None

    @property
    def delivered(self) -> bool:
        return self.code is not None and 200 <= self.code < 300


def after_attempt(
    batch: ImageBatch, attempt: Attempt, now: datetime, jitter: float | None = None
) -> ImageBatchStatus:
    """The status that records an attempt, with the next one's time or the end of trying.

    ``jitter`` is a factor's deviation in [-0.1, 0.1], random unless told.
    """
    outbox = batch.status.webhook
    if outbox is None:
        return batch.status
    attempts = outbox.attempts + 1
    update: dict[str, Any] = {
        "attempts": attempts,
        "last_attempt_time": now,
        "last_code": attempt.code,
        "next_attempt_time": None,
    }
    conditions = Conditions(batch.status.conditions, batch.generation, now)
    what = f"HTTP {attempt.code}" if attempt.code is not None else attempt.error or "no answer"
    kind = ConditionType.WEBHOOK_DELIVERED
    if attempt.delivered:
        update["delivered_time"] = now
        conditions.set(kind, True, Reason.DELIVERED, what)
    elif attempt.code == 410:
        update["abandoned"] = True
        conditions.set(kind, False, Reason.RECEIVER_GONE, "HTTP 410: the receiver wants no more")
    elif attempts >= len(SCHEDULE):
        update["abandoned"] = True
        conditions.set(kind, False, Reason.DELIVERY_FAILED, f"{what}; gave up after {attempts}")
    else:
        spread = random.uniform(-_JITTER, _JITTER) if jitter is None else jitter  # noqa: S311
        delay = max(SCHEDULE[attempts] * (1 + spread), attempt.retry_after or 0.0)
        update["next_attempt_time"] = now + timedelta(seconds=delay)
        reason = attempt.reason or Reason.PENDING_DELIVERY
        conditions.set(kind, False, reason, f"attempt {attempts}: {what}")
    return batch.status.model_copy(
        update={"webhook": outbox.model_copy(update=update), "conditions": conditions.list()}
    )
