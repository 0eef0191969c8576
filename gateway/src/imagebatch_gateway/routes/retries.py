"""POST /api/requests/{requestId}/retry."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Response
from pydantic import Field

from imagebatch_core import names
from imagebatch_core.model import Model
from imagebatch_core.source import RetryOfSource, RetryOnly
from imagebatch_gateway.access.caller import Action
from imagebatch_gateway.access.needs import GuardedRoute, needs
from imagebatch_gateway.answers.documented import CLUSTER_AWAY, NO_RETRY, refusals
from imagebatch_gateway.answers.models import RequestCreated
from imagebatch_gateway.answers.response_headers import NEW_REQUEST
from imagebatch_gateway.requests.retry import retried_batch, retry_spec
from imagebatch_gateway.services import LinksOf, ServicesOf

from .idempotency import IdempotencyKey

router = APIRouter(tags=["requests"], route_class=GuardedRoute)


class RetryOptions(Model):
    """Selection of the failed images to retry."""

    only: RetryOnly = Field(
        RetryOnly.FAILED, description=RetryOfSource.model_fields["only"].description
    )


@router.post(
    "/api/requests/{request_id}/retry",
    dependencies=[needs(Action.CREATE)],
    operation_id="retryRequest",
    summary="Retry the failed images of a request that has ended",
    responses={200: NEW_REQUEST, **refusals(*NO_RETRY, *CLUSTER_AWAY)},
)
async def retry_request(
    request_id: str,
    response: Response,
    services: ServicesOf,
    links: LinksOf,
    *,
    options: Annotated[RetryOptions | None, Body()] = None,
    idempotency_key: IdempotencyKey = None,
) -> RequestCreated:
    """The new request has the output options, webhook and limits of the earlier one. Images that
    did not fail are not fetched again: they keep the URLs of their outputs, and the new report
    lists all rows.
    """
    batch = await retried_batch(services.batches, request_id)
    spec = retry_spec(batch, (options or RetryOptions()).only)
    name, replayed = await services.uploads.create(
        spec,
        batch.annotations.get(names.ANNOTATION_DISPLAY_NAME),
        idempotency_key,
        file_name=batch.annotations.get(names.ANNOTATION_FILE_NAME),
    )
    response.headers["Location"] = links.status(name)
    if replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return RequestCreated(
        request_id=name, status_url=links.status(name), download_url=links.download(name)
    )
