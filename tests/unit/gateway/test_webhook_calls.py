"""The delivery of a request's webhook, and its replay."""

from __future__ import annotations

from datetime import timedelta

import httpx

from imagebatch_core import names
from imagebatch_core.spec import Webhook
from imagebatch_core.webhook_status import WebhookAttempt, WebhookStatus
from unit.gateway.builders import CREATED, BatchBuilder, FakeBatches

PATH = "/api/requests/summer-2026/webhook"
HOOK = Webhook(url="https://user:pw@hook.example/in?token=secret")
LATER = CREATED + timedelta(seconds=5)
OUTBOX = WebhookStatus(
    event_id="evt_1",
    attempts=2,
    next_attempt_time=CREATED + timedelta(minutes=5),
    recent=[
        WebhookAttempt(time=CREATED, message="no response"),
        WebhookAttempt(time=LATER, code=503, message="HTTP 503"),
    ],
)


async def test_attempts_are_listed_newest_first_without_the_webhooks_secrets(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder
) -> None:
    asked = batch.asking(webhook=HOOK).completed(succeeded=1).with_status(webhook=OUTBOX)
    batches.add(asked.build())
    answer = await http.get(PATH)
    assert answer.status_code == 200
    assert answer.json() == {
        "url": "https://hook.example/in",
        "eventId": "evt_1",
        "event": "imagebatch.completed",
        "attemptCount": 2,
        "attempts": [
            {"attemptedAt": "2026-11-24T10:00:05Z", "code": 503, "message": "HTTP 503"},
            {"attemptedAt": "2026-11-24T10:00:00Z", "code": None, "message": "no response"},
        ],
        "nextAttemptAt": "2026-11-24T10:05:00Z",
        "deliveredAt": None,
        "abandoned": False,
    }


async def test_each_replay_sets_the_annotation_to_a_new_value(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder
) -> None:
    asked = batch.asking(webhook=HOOK).completed(succeeded=1).with_status(webhook=OUTBOX)
    before = batches.add(asked.build())
    values = set()
    for _ in range(2):
        answer = await http.post(f"{PATH}/replay")
        assert (answer.status_code, answer.json()["eventId"]) == (202, "evt_1")
        values.add(batches.stored["summer-2026"].annotations[names.ANNOTATION_REPLAY_WEBHOOK])
    assert len(values) == 2
    assert batches.stored["summer-2026"].spec == before.spec


async def test_there_is_nothing_to_replay_without_a_webhook_or_an_event(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.completed(succeeded=1).build())
    for answer in (await http.get(PATH), await http.post(f"{PATH}/replay")):
        assert answer.status_code == 409
        assert answer.json()["message"] == "The request was created without a webhook."
    batches.add(batch.asking(webhook=HOOK).running(done=1, total=2).build())
    assert (await http.get(PATH)).json()["eventId"] is None
    answer = await http.post(f"{PATH}/replay")
    assert answer.status_code == 409
    assert "no event yet" in answer.json()["message"]
    assert (await http.post("/api/requests/other/webhook/replay")).status_code == 404
