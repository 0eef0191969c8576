"""Standard Webhooks 1.0.0: payload, signature, one delivery attempt, and when the next is due.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import aiohttp

from imagebatch_core.addresses import AllowList
from imagebatch_core.egress import (
    UrlRefused,
    check_url,
    find_address_refused,
    guarded_connector,
)
from imagebatch_core.errors import ConfigurationRefused
from imagebatch_core.reasons import ConditionType, Reason
from imagebatch_core.resource import ImageBatch
from imagebatch_core.retry_after import parse_retry_after
from imagebatch_core.status import ImageBatchStatus

from .conditions import Conditions

#: Seconds before each attempt, the first of them at once.
SCHEDULE: Final = (0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
_JITTER: Final = 0.1
_TIMEOUT: Final = aiohttp.ClientTimeout(total=20, connect=10)


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


def payload(batch: ImageBatch, download_url: str | None) -> bytes:
    """The event; made from the status alone, so that every attempt sends the same bytes.

    ``download_url`` is the report's, left out while there is none.
    """
    status = batch.status
    images = status.images.model_dump(by_alias=True, exclude_none=True) if status.images else None
    size = status.bytes.model_dump(by_alias=True) if status.bytes else None
    succeeded = status.condition(ConditionType.SUCCEEDED)
    phase = str(status.phase).lower()
    data: dict[str, Any] = {
        "requestId": batch.name,
        "namespace": batch.namespace,
        "uid": batch.uid,
        "status": phase,
        "reason": succeeded.reason if succeeded else None,
        "message": succeeded.message if succeeded else None,
        "products": status.products,
        "images": images,
        "bytes": size,
        "saved": status.saved,
        "reportKey": status.report.key if status.report else None,
        "downloadUrl": download_url if status.report else None,
        "startTime": _iso(status.start_time),
        "completionTime": _iso(status.completion_time),
    }
    event = {
        "type": f"imagebatch.{phase}",
        "timestamp": _iso(status.completion_time),
        "data": {key: value for key, value in data.items() if value is not None},
    }
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def _iso(time: datetime | None) -> str | None:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z") if time else None


def parse_secrets(text: str) -> list[bytes]:
    """One ``whsec_…`` a line; several sign at once while a secret is being rotated.

    Raises:
        ConfigurationRefused: there is none, or one is not base64.
    """
    keys: list[bytes] = []
    for line in text.split():
        try:
            keys.append(base64.b64decode(line.removeprefix("whsec_"), validate=True))
        except binascii.Error as error:
            raise ConfigurationRefused("a webhook secret is not whsec_ and base64") from error
    if not keys:
        raise ConfigurationRefused("the webhook secret is empty")
    return keys


def signature(secrets: Iterable[bytes], event_id: str, timestamp: int, body: bytes) -> str:
    """The header's value: ``v1,<base64 of HMAC-SHA256 over id.timestamp.body>`` per secret."""
    signed = f"{event_id}.{timestamp}.".encode() + body
    digests = (hmac.new(key, signed, hashlib.sha256).digest() for key in secrets)
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


async def deliver(
    url: str,
    *,
    event_id: str,
    body: bytes,
    secrets: Iterable[bytes],
    allow: AllowList,
    now: datetime,
) -> Attempt:
    """One attempt. The receiver's body is never read: it could be an internal service's."""
    timestamp = int(now.timestamp())
    headers = {
        "content-type": "application/json",
        "user-agent": "ImageBatch-Webhook/1",
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(secrets, event_id, timestamp, body),
    }
    try:
        checked = check_url(url)
        async with (
            aiohttp.ClientSession(
                connector=guarded_connector(allow), timeout=_TIMEOUT, trust_env=False
            ) as session,
            session.post(checked, data=body, headers=headers, allow_redirects=False) as response,
        ):
            after = parse_retry_after(response.headers.get("Retry-After"), now)
            return Attempt(response.status, retry_after=after)
    except UrlRefused as error:
        return Attempt(None, str(error), reason=Reason.RECEIVER_REFUSED)
    except TimeoutError:
        return Attempt(None, "no answer in time")
    except (aiohttp.ClientError, OSError) as error:
        if find_address_refused(error) is not None:
            return Attempt(
                None,
                "the receiver's address is not public, and egress.allow of the chart does not "
                "name it",
                reason=Reason.RECEIVER_REFUSED,
            )
        return Attempt(None, f"no connection ({type(error).__name__})")


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
