from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from imagebatch_core.errors import ConfigurationRefused
from imagebatch_core.reasons import ConditionType, Reason
from imagebatch_core.resource import ImageBatch
from imagebatch_operator.policies.webhook_retries import SCHEDULE, Attempt, after_attempt
from imagebatch_operator.webhook.event import payload
from imagebatch_operator.webhook.signature import parse_secrets, signature
from unit.operator.builders import NOW, batch

OLD = "whsec_" + base64.b64encode(b"old secret of two dozens").decode()
NEW = "whsec_" + base64.b64encode(b"new secret of two dozens").decode()


def ended(attempts: int = 0) -> ImageBatch:
    return (
        batch()
        .webhook()
        .status(
            phase="Completed",
            completionTime="2026-01-02T03:04:05Z",
            startTime="2026-01-02T03:01:00Z",
            images={"total": 4, "done": 4, "succeeded": 3, "kept": 0, "reused": 0, "failed": 1},
            bytes={"in": 1000, "out": 400},
            saved="60.0%",
            rowProblemCount=1,
            inputSha256="cd" * 32,
            report={"key": "shop/u/report.csv", "sha256": "ab"},
            webhook={"eventId": "evt_1", "attempts": attempts},
        )
        .build()
    )


def waited(attempts: int, attempt: Attempt, jitter: float = 0.0) -> float | None:
    outbox = after_attempt(ended(attempts), attempt, NOW, jitter).webhook
    assert outbox is not None
    if outbox.next_attempt_time is None:
        return None
    return (outbox.next_attempt_time - NOW).total_seconds()


def test_while_a_secret_is_rotated_receivers_with_either_accept_the_event() -> None:
    keys = parse_secrets(f"{NEW}\n{OLD}\n")
    body, now = payload(ended(), None), datetime.now(UTC)
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature(keys, "evt_1", int(now.timestamp()), body),
    }
    for secret in (OLD, NEW):
        assert Webhook(secret).verify(body, headers)["type"] == "imagebatch.completed"


SHORT = "whsec_" + base64.b64encode(b"x" * 23).decode()
LONG = "whsec_" + base64.b64encode(b"x" * 65).decode()


@pytest.mark.parametrize(
    "text", ["", "\n", "whsec_not base64!", "whsec_", SHORT, LONG, f"{NEW}\nwhsec_"]
)
def test_an_unusable_secret_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationRefused):
        parse_secrets(text)


def test_the_payload_is_the_same_bytes_for_every_attempt_and_small() -> None:
    body = payload(ended(0), "http://gw/api/download/spring")
    assert body == payload(ended(7), "http://gw/api/download/spring")
    assert len(body) < 2000
    data = json.loads(body)["data"]
    assert data["reportKey"] == "shop/u/report.csv"
    assert (data["rowProblemCount"], data["inputSha256"]) == (1, "cd" * 32)
    assert data["downloadUrl"] == "http://gw/api/download/spring"
    assert "downloadUrl" not in json.loads(payload(ended(), None))["data"]


def test_attempts_follow_the_schedule_and_end_with_it() -> None:
    failed = Attempt(500)
    assert [waited(n, failed) for n in range(len(SCHEDULE) - 1)] == list(SCHEDULE[1:])
    last = after_attempt(ended(len(SCHEDULE) - 1), failed, NOW)
    assert last.webhook is not None
    assert last.webhook.abandoned
    told = last.condition(ConditionType.WEBHOOK_DELIVERED)
    assert told is not None
    assert told.reason is Reason.DELIVERY_FAILED


@given(st.integers(0, len(SCHEDULE) - 2))
def test_jitter_stays_within_a_tenth(attempts: int) -> None:
    outbox = after_attempt(ended(attempts), Attempt(None, "no connection"), NOW).webhook
    assert outbox is not None
    assert outbox.next_attempt_time is not None
    seconds = (outbox.next_attempt_time - NOW).total_seconds()
    assert 0.9 * SCHEDULE[attempts + 1] <= seconds <= 1.1 * SCHEDULE[attempts + 1]


@pytest.mark.parametrize("code", [301, 302, 307, 400, 401, 404, 429, 500, 503])
def test_anything_but_2xx_and_410_is_tried_again(code: int) -> None:
    assert waited(0, Attempt(code)) == 5


def test_retry_after_makes_the_wait_longer_never_shorter() -> None:
    assert waited(0, Attempt(503, retry_after=600.0)) == 600
    assert waited(2, Attempt(503, retry_after=1.0)) == 1800
