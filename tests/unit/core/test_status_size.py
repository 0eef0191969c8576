"""The status stays small, whatever the batch."""

from __future__ import annotations

from datetime import UTC, datetime

from imagebatch_core.condition import MESSAGE_LENGTH, Condition, ConditionStatus
from imagebatch_core.reasons import ConditionType, Phase, Reason
from imagebatch_core.status import (
    LONGEST_RETRY_CHAIN,
    Ending,
    ImageBatchStatus,
    Images,
    Retry,
    ReuseStatus,
    Runs,
    Shards,
)
from imagebatch_core.webhook_status import (
    ATTEMPT_MESSAGE_LENGTH,
    RECENT_ATTEMPTS,
    WebhookAttempt,
    WebhookStatus,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
UID = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
MOST = 10_000_000


def test_the_largest_status_takes_less_than_32_kib() -> None:
    text = "x" * MESSAGE_LENGTH
    conditions = [
        Condition(
            type=type_,
            status=ConditionStatus.UNKNOWN,
            reason=max(Reason, key=len),
            message=text,
            observed_generation=MOST,
            last_transition_time=NOW,
        )
        for type_ in ConditionType
    ]
    attempt = WebhookAttempt(time=NOW, code=503, message="x" * ATTEMPT_MESSAGE_LENGTH)
    status = ImageBatchStatus(
        phase=Phase.PROCESSING,
        conditions=conditions,
        notices=["x" * 500] * 8,
        products=MOST,
        images=Images(total=MOST, done=MOST),
        shards=Shards(total=MOST, done=MOST, failed=MOST, images=MOST),
        runs=Runs(plan=99, shards=[99] * 1000, collect=99, lost=3),
        storage="x" * 1024,
        input_sha256="ab" * 32,
        reuse=ReuseStatus(
            uid=UID, storage="x" * 1024, message="x" * 500, images=MOST,
            outputs=[UID] * LONGEST_RETRY_CHAIN,
        ),
        retry=Retry(refusals=99, next_time=NOW, message=text),
        ending=Ending(reason=Reason.CANCELLED, message=text, since=NOW),
        webhook=WebhookStatus(
            event_id="evt_" + "ab" * 16, event="Cancelled", time=NOW, attempts=10,
            next_attempt_time=NOW, last_attempt_time=NOW, last_code=503, target="ab" * 32,
            recent=[attempt] * RECENT_ATTEMPTS, replay="ab" * 32,
        ),
    )  # fmt: skip
    assert len(status.model_dump_json(by_alias=True)) < 32 * 1024
