"""What follows when the webhook of a batch that has ended is changed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from imagebatch_core.reasons import ConditionType, Reason
from imagebatch_core.resource import ImageBatch
from imagebatch_core.spec import Webhook
from imagebatch_operator.policies.actions import Decision, DeliverWebhook
from imagebatch_operator.policies.decide import decide
from imagebatch_operator.policies.observed import Observation
from imagebatch_operator.policies.webhook_retries import Attempt, after_attempt, digest
from unit.operator.builders import NOW, BatchBuilder, after, batch

OLD, NEW = "https://user:pw@hooks.example/", "https://hooks.example/"
LATER = NOW + timedelta(minutes=1)


def ended(builder: BatchBuilder) -> BatchBuilder:
    return builder.status(
        phase="Completed", startTime="2026-01-02T03:01:00Z", completionTime="2026-01-02T03:04:05Z"
    )


def tried(url: str, attempt: Attempt) -> BatchBuilder:
    """A batch that has ended, after one attempt at ``url``."""
    builder = ended(batch().webhook(url)).status(
        webhook={"eventId": "evt_1", "nextAttemptTime": "2026-01-02T03:04:05Z"}
    )
    built = builder.build()
    assert built.spec.webhook is not None
    made = Attempt(attempt.code, attempt.error, target=digest(built.spec.webhook))
    return builder.with_status(after_attempt(built, made, NOW, 0.0))


def decided(built: ImageBatch) -> Decision:
    return decide(built, Observation(), LATER)


@pytest.mark.parametrize("attempt", [Attempt(500), Attempt(410), Attempt(None, "refused")])
def test_a_corrected_address_begins_the_attempts_anew(attempt: Attempt) -> None:
    builder = tried(OLD, attempt).webhook(NEW)
    status = decided(builder.build()).status
    assert status.webhook is not None
    assert (status.webhook.attempts, status.webhook.abandoned) == (0, False)
    assert status.webhook.next_attempt_time == LATER
    assert DeliverWebhook() in decided(after(builder, status)).actions


def test_an_address_that_did_not_change_keeps_its_schedule() -> None:
    built = tried(NEW, Attempt(500)).build()
    status = decided(built).status
    assert status.webhook == built.status.webhook


def test_a_webhook_that_is_taken_away_ends_the_attempts() -> None:
    builder = tried(OLD, Attempt(500))
    body = builder.body()
    del body["spec"]["webhook"]
    status = decided(ImageBatch.from_object(body)).status
    assert status.webhook is None
    told = status.condition(ConditionType.WEBHOOK_DELIVERED)
    assert told is not None
    assert told.reason is Reason.NOT_REQUESTED


def test_a_webhook_that_is_added_after_the_end_is_delivered() -> None:
    builder = ended(batch().webhook(NEW))
    status = decided(builder.build()).status
    assert status.webhook is not None
    assert DeliverWebhook() in decided(after(builder, status)).actions


def test_a_delivered_event_is_not_sent_to_another_address() -> None:
    built = tried(OLD, Attempt(204)).webhook(NEW).build()
    decision = decided(built)
    assert decision.status.webhook == built.status.webhook
    assert decision.actions == ()


def test_a_field_that_a_newer_release_adds_makes_no_other_receiver() -> None:
    """Else each event that was given up would be sent again after an upgrade."""

    class Newer(Webhook):
        events: tuple[str, ...] = ()

    assert digest(Newer(url=NEW)) == digest(Webhook(url=NEW))
    assert digest(Webhook(url=OLD)) != digest(Webhook(url=NEW))
