"""/api/requests/{requestId}/webhook: the delivery of a request's webhook."""

from __future__ import annotations

from fastapi import APIRouter

from imagebatch_gateway.access.caller import Action
from imagebatch_gateway.access.needs import GuardedRoute, needs
from imagebatch_gateway.answers.documented import (
    CLUSTER_AWAY,
    NO_EVENT,
    NO_REQUEST,
    NO_WEBHOOK,
    refusals,
)
from imagebatch_gateway.answers.webhook_models import WebhookDelivery
from imagebatch_gateway.requests.webhook import replay_webhook, webhook_delivery
from imagebatch_gateway.services import ServicesOf

router = APIRouter(tags=["requests"], route_class=GuardedRoute)


@router.get(
    "/api/requests/{request_id}/webhook",
    dependencies=[needs(Action.GET)],
    operation_id="getWebhook",
    summary="The last attempts to deliver a request's webhook",
    responses=refusals(NO_REQUEST, NO_WEBHOOK, *CLUSTER_AWAY),
)
async def get_webhook(request_id: str, services: ServicesOf) -> WebhookDelivery:
    """409 if the request has no webhook. The attempts are those since the event arose or was
    replayed last."""
    return webhook_delivery(await services.lookup.batch(request_id))


@router.post(
    "/api/requests/{request_id}/webhook/replay",
    dependencies=[needs(Action.PATCH)],
    operation_id="replayWebhook",
    summary="Send the event of a request's webhook once more",
    status_code=202,
    responses=refusals(NO_REQUEST, NO_WEBHOOK, NO_EVENT, *CLUSTER_AWAY),
)
async def replay(request_id: str, services: ServicesOf) -> WebhookDelivery:
    """The operator sends the same event under the same id, whether or not it was delivered, and
    tries again by the usual schedule. The response shows the delivery as it was before.
    """
    batch = await services.lookup.batch(request_id)
    return webhook_delivery(await replay_webhook(services.batches, batch))
