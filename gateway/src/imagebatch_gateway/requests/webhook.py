"""The delivery of a request's webhook: its attempts, and a replay."""

from __future__ import annotations

from uuid import uuid4

from imagebatch_core import names
from imagebatch_core.resource import ImageBatch
from imagebatch_core.shown_url import shown_url
from imagebatch_core.webhook_status import WebhookStatus
from imagebatch_gateway.answers.problems import no_event_yet, no_webhook
from imagebatch_gateway.answers.webhook_models import WebhookAttemptAnswer, WebhookDelivery
from imagebatch_gateway.backends.batches import Batches


def webhook_delivery(batch: ImageBatch) -> WebhookDelivery:
    """Return how far the delivery of the webhook has come.

    Raises:
        Problem: 409, the request has no webhook.
    """
    if batch.spec.webhook is None:
        raise no_webhook()
    outbox = batch.status.webhook
    address = shown_url(batch.spec.webhook.url)
    if outbox is None:
        return WebhookDelivery(url=address)
    return WebhookDelivery(
        url=address,
        event_id=outbox.event_id,
        event=_event_type(batch, outbox),
        attempt_count=outbox.attempts,
        attempts=[
            WebhookAttemptAnswer(attempted_at=one.time, code=one.code, message=one.message)
            for one in reversed(outbox.recent)
        ],
        next_attempt_at=outbox.next_attempt_time,
        delivered_at=outbox.delivered_time,
        abandoned=outbox.abandoned,
    )


def _event_type(batch: ImageBatch, outbox: WebhookStatus) -> str | None:
    # An older operator recorded the event of the end without its name.
    event = outbox.event or batch.status.phase
    return event and f"imagebatch.{event.lower()}"


async def replay_webhook(batches: Batches, batch: ImageBatch) -> ImageBatch:
    """Ask the operator to send the event of a request once more; return the changed batch.

    Raises:
        Problem: 409, the request has no webhook, or no event of it was sent yet.
        GatewayError: the API server refuses or does not respond.
    """
    if batch.spec.webhook is None:
        raise no_webhook()
    if batch.status.webhook is None:
        raise no_event_yet()
    asked = {names.ANNOTATION_REPLAY_WEBHOOK: uuid4().hex}
    return await batches.annotate(batch.name, asked)
