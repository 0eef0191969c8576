"""What follows when the webhook of a batch that has ended is changed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from imagebatch_core.reasons import ConditionType, Phase, Reason
from imagebatch_core.resource import ImageBatch
from imagebatch_core.spec import Webhook
from imagebatch_operator.policies.actions import Decision, DeliverWebhook
from imagebatch_operator.policies.decide import decide
from imagebatch_operator.policies.observed import Observation
from imagebatch_operator.policies.status import new_outbox
from imagebatch_operator.policies.webhook_retries import (
    Attempt,
    after_attempt,
    digest,
    replayed,
)
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


REPLAY = "imagebatch.dev/replay-webhook"


def asked(builder: BatchBuilder, value: str) -> ImageBatch:
    return builder.annotated(REPLAY, value).build()


@pytest.mark.parametrize("attempt", [Attempt(204), Attempt(410), Attempt(500)])
def test_a_replay_sends_the_same_event_once_more_whatever_became_of_it(attempt: Attempt) -> None:
    builder = tried(NEW, attempt)
    first = decided(asked(builder, "1"))
    outbox = first.status.webhook
    assert outbox is not None
    assert (outbox.event_id, outbox.attempts, outbox.next_attempt_time) == ("evt_1", 0, LATER)
    assert (outbox.delivered_time, outbox.abandoned) == (None, False)
    told = first.status.condition(ConditionType.WEBHOOK_DELIVERED)
    assert told is not None
    assert (told.status, told.reason) == ("False", Reason.PENDING_DELIVERY)
    due = decided(after(builder, first.status))
    assert due.actions == (DeliverWebhook(),)
    built = after(builder, first.status)
    assert built.spec.webhook is not None
    delivered = after_attempt(built, Attempt(204, target=digest(built.spec.webhook)), LATER, 0.0)
    done = decided(after(builder, delivered))
    assert done.actions == (), "the same value asks for one replay"
    again = decided(asked(builder, "2"))
    assert again.status.webhook is not None
    assert again.status.webhook.next_attempt_time == LATER


def test_an_annotation_from_before_the_end_replays_nothing() -> None:
    outbox = new_outbox(batch().webhook().annotated(REPLAY, "1").build(), Phase.COMPLETED, NOW)
    builder = ended(batch().webhook().annotated(REPLAY, "1"))
    builder.with_status(builder.build().status.model_copy(update={"webhook": outbox}))
    assert replayed(builder.build(), NOW) is None
    assert replayed(asked(builder, "2"), NOW) is not None
    assert replayed(asked(ended(batch()), "1"), NOW) is None, "there is no event"


def test_the_status_keeps_the_last_attempts_with_time_and_code() -> None:
    builder = tried(NEW, Attempt(500))
    for minute, attempt in enumerate([*[Attempt(503)] * 5, Attempt(None, "x" * 500)], start=1):
        at = NOW + timedelta(minutes=minute)
        builder.with_status(after_attempt(builder.build(), attempt, at, 0.0))
    outbox = builder.build().status.webhook
    assert outbox is not None
    assert outbox.attempts == 7
    assert [one.code for one in outbox.recent] == [503, 503, 503, 503, None]
    assert outbox.recent[0].time == NOW + timedelta(minutes=2)
    assert outbox.recent[0].message == "HTTP 503"
    assert len(outbox.recent[-1].message.encode()) == 200
