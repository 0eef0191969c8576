"""The event imagebatch.planned, which a batch sends while it awaits confirmation."""

from __future__ import annotations

import json
from datetime import timedelta

from imagebatch_core.job import Step
from imagebatch_core.reasons import ConditionType, Phase, Reason
from imagebatch_core.resource import ImageBatch
from imagebatch_operator.policies.actions import CreateJob, DeliverWebhook
from imagebatch_operator.policies.decide import decide
from imagebatch_operator.policies.observed import Observation
from imagebatch_operator.policies.webhook_retries import Attempt, after_attempt, digest
from imagebatch_operator.webhook.event import payload
from unit.operator.builders import NOW, BatchBuilder, after, batch, collect_done, job, plan_done

PLAN = job(Step.PLAN, succeeded=True, ready=0, active=0)
SEEN = Observation(jobs=(PLAN,), outcomes={PLAN.name: plan_done()})
LATER = NOW + timedelta(minutes=1)


def waiting(url: str = "https://hooks.example/") -> BatchBuilder:
    """A batch that is planned, with its event recorded."""
    builder = batch().webhook(url).spec(suspendAfter="Plan")
    builder.status(runs={"plan": 1}, startTime=NOW.isoformat())
    first = decide(builder.build(), SEEN, NOW)
    assert first.actions == ()
    assert first.requeue_after == 0.0
    return builder.with_status(first.status)


def attempted(builder: BatchBuilder, code: int) -> BatchBuilder:
    built = builder.build()
    assert built.spec.webhook is not None
    made = Attempt(code, target=digest(built.spec.webhook))
    return builder.with_status(after_attempt(built, made, NOW, 0.0))


def test_the_event_is_recorded_then_sent_and_tried_again_while_the_batch_waits() -> None:
    builder = waiting()
    outbox = builder.build().status.webhook
    assert outbox is not None
    assert (outbox.event, outbox.time) == ("Planned", NOW)
    due = decide(builder.build(), SEEN, NOW)
    assert due.actions == (DeliverWebhook(),)
    assert due.status.phase is Phase.SUSPENDED
    failed = decide(attempted(builder, 500).build(), SEEN, NOW)
    assert (failed.actions, failed.requeue_after) == ((), 5.0)
    told = failed.status.condition(ConditionType.WEBHOOK_DELIVERED)
    assert told is not None
    assert (told.status, told.message) == ("False", "attempt 1: HTTP 500")
    done = decide(attempted(builder, 204).build(), SEEN, LATER)
    assert (done.actions, done.requeue_after) == ((), None)
    told = done.status.condition(ConditionType.WEBHOOK_DELIVERED)
    assert told is not None
    assert (told.status, told.reason) == ("True", Reason.DELIVERED)


def test_it_says_what_was_counted_and_stays_the_same_while_the_batch_goes_on() -> None:
    builder = waiting()
    sent = payload(builder.build(), "https://gateway.example/x")
    assert json.loads(sent) == {
        "type": "imagebatch.planned",
        "timestamp": "2026-01-02T03:04:05Z",
        "data": {
            "requestId": "spring",
            "namespace": "shop",
            "uid": builder.build().uid,
            "status": "suspended",
            "reason": "AwaitingConfirmation",
            "products": 700,
            "rowProblemCount": 2,
            "inputSha256": "cd" * 32,
            "images": {"total": 1500},
            "startTime": "2026-01-02T03:04:05Z",
        },
    }
    running = Observation(jobs=(PLAN, job(Step.COMPRESS, completed_indexes=1)))
    builder.spec(suspendAfter=None)
    confirmed = decide(builder.build(), SEEN, NOW)
    assert confirmed.actions == (CreateJob(Step.COMPRESS, 1, chunk=0, shards=3), DeliverWebhook())
    going = decide(after(builder, confirmed.status), running, LATER)
    assert DeliverWebhook() in going.actions, "an event that was not delivered is still sent"
    assert payload(after(builder, going.status), None) == sent


def test_the_event_of_the_end_follows_under_another_id() -> None:
    builder = attempted(waiting(), 204).spec(suspendAfter=None)
    planned = builder.build().status.webhook
    assert planned is not None
    builder.status(
        phase="Processing",
        shards={"total": 3, "done": 3, "failed": 0},
        runs={"plan": 1, "shards": [1], "collect": 1},
    )
    collect = job(Step.COLLECT, succeeded=True, ready=0)
    seen = Observation(jobs=(collect,), outcomes={collect.name: collect_done()})
    ended = decide(builder.build(), seen, LATER).status
    assert ended.webhook is not None
    assert ended.webhook.event == "Completed"
    assert ended.webhook.event_id != planned.event_id
    assert ended.webhook.delivered_time is None
    event = json.loads(payload(after(builder, ended), None))
    assert event["type"] == "imagebatch.completed"


def test_a_corrected_receiver_gets_the_planned_event_and_a_removed_one_none() -> None:
    builder = attempted(waiting("https://old.example/"), 410).webhook("https://new.example/")
    changed = decide(builder.build(), SEEN, LATER)
    assert changed.status.webhook is not None
    assert (changed.status.webhook.event, changed.status.webhook.time) == ("Planned", NOW)
    assert changed.requeue_after == 0.0
    assert decide(after(builder, changed.status), SEEN, LATER).actions == (DeliverWebhook(),)
    builder.spec(webhook=None)
    removed = decide(builder.build(), SEEN, LATER).status
    assert removed.webhook is None
    told = removed.condition(ConditionType.WEBHOOK_DELIVERED)
    assert told is not None
    assert told.reason is Reason.NOT_REQUESTED


def test_a_replay_sends_the_planned_event_once_more() -> None:
    builder = attempted(waiting(), 204).annotated("imagebatch.dev/replay-webhook", "1")
    again = decide(builder.build(), SEEN, LATER)
    assert again.requeue_after == 0.0
    assert decide(after(builder, again.status), SEEN, LATER).actions == (DeliverWebhook(),)


def test_an_attempt_is_recorded_without_claiming_that_a_newer_spec_was_looked_at() -> None:
    body = waiting().body()
    body["metadata"]["generation"] = 2
    newer = ImageBatch.from_object(body)
    assert after_attempt(newer, Attempt(204), NOW, 0.0).observed_generation == 1


def test_without_suspend_after_only_the_end_is_told() -> None:
    builder = batch().webhook().status(runs={"plan": 1})
    assert decide(builder.build(), SEEN, NOW).status.webhook is None
