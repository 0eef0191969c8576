"""The status stays small, whatever the batch."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from imagebatch_core.condition import MESSAGE_LENGTH, Condition, ConditionStatus
from imagebatch_core.job import Estimate
from imagebatch_core.keys import LONGEST_KEY
from imagebatch_core.reasons import ConditionType, Phase, Reason
from imagebatch_core.shortened import shortened
from imagebatch_core.status import (
    LONGEST_RETRY_CHAIN,
    Bytes,
    Ending,
    ImageBatchStatus,
    Images,
    Paused,
    Report,
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


@pytest.mark.parametrize("character", ["x", "é", "商", "🐈", "\1"])
def test_the_largest_status_takes_less_than_32_kib(character: str) -> None:
    text = shortened(character * MESSAGE_LENGTH, MESSAGE_LENGTH)
    sentence = shortened(character * 500, 500)
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
    what = shortened(character * 500, ATTEMPT_MESSAGE_LENGTH)
    attempt = WebhookAttempt(time=NOW, code=503, message=what)
    status = ImageBatchStatus(
        phase=Phase.PROCESSING,
        conditions=conditions,
        notices=[sentence] * 8,
        products=MOST,
        row_problem_count=MOST,
        images=Images(
            total=MOST, done=MOST, succeeded=MOST, kept=MOST, reused=MOST, failed=MOST
        ),
        bytes=Bytes.model_validate({"in": MOST**2, "out": MOST**2}),
        saved="61.3%",
        estimate=Estimate(
            images=MOST, bytes_in=MOST**2, bytes_out=MOST**2, seconds=MOST, sampled=24, failed=24
        ),
        shards=Shards(total=MOST, done=MOST, failed=MOST, failed_before=MOST, images=MOST),
        runs=Runs(plan=99, shards=[99] * 1000, collect=99, lost=3),
        storage="x" * 1024,
        input_sha256="ab" * 32,
        reuse=ReuseStatus(
            uid=UID, storage="x" * 1024, message=sentence, images=MOST,
            outputs=[UID] * LONGEST_RETRY_CHAIN,
        ),
        retry=Retry(refusals=99, next_time=NOW, message=text),
        report=Report(key="x" * LONGEST_KEY, sha256="ab" * 32),
        queue_position=MOST,
        start_time=NOW,
        completion_time=NOW,
        duration="12h34m",
        paused=Paused(since=NOW, seconds=MOST),
        ending=Ending(reason=Reason.CANCELLED, message=text, since=NOW),
        webhook=WebhookStatus(
            event_id="evt_" + "ab" * 16, event="Cancelled", time=NOW, attempts=10,
            next_attempt_time=NOW, last_attempt_time=NOW, last_code=503, target="ab" * 32,
            recent=[attempt] * RECENT_ATTEMPTS, replay="ab" * 32,
        ),
    )  # fmt: skip
    unset = {name for name, value in status if value is None}
    assert unset == set(), "the test leaves out a field"
    assert len(status.model_dump_json(by_alias=True).encode()) < 32 * 1024
