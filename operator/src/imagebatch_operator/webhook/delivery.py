"""Make one attempt to deliver a webhook, through the address guard."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final, Protocol

import aiohttp

from imagebatch_core.egress import (
    describe_connection_error,
    find_address_refused,
    guarded_connector,
)
from imagebatch_core.egress_rules import DENIED, EgressRules
from imagebatch_core.reasons import Reason
from imagebatch_core.retry_after import parse_retry_after
from imagebatch_core.urls import UrlRefused, check_url
from imagebatch_operator.policies.webhook_retries import Attempt

from .signature import signature

_TIMEOUT: Final = aiohttp.ClientTimeout(total=20, connect=10)


class Deliver(Protocol):
    """Makes one attempt, as :func:`deliver` does."""

    async def __call__(
        self,
        url: str,
        *,
        event_id: str,
        body: bytes,
        secrets: Iterable[bytes],
        rules: EgressRules,
        now: datetime,
    ) -> Attempt: ...


async def deliver(
    url: str,
    *,
    event_id: str,
    body: bytes,
    secrets: Iterable[bytes],
    rules: EgressRules,
    now: datetime,
) -> Attempt:
    """Make one attempt and return its result.

    The body of the response is never read, because it might come from an internal service.
    """
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
                connector=guarded_connector(rules), timeout=_TIMEOUT, trust_env=False
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
        refused = find_address_refused(error)
        if refused is not None:
            return Attempt(
                None,
                "the receiver's address is closed by egress.deny of the chart"
                if refused.why == DENIED
                else "the receiver's address is not public, and egress.allow of the chart does not "
                "name it",
                reason=Reason.RECEIVER_REFUSED,
            )
        return Attempt(None, describe_connection_error(error))
