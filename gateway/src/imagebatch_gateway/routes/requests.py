"""/api/requests: list, make, read, change and delete requests."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Query, Response

from imagebatch_core.errors import InputRefused
from imagebatch_gateway.answers.documented import (
    BAD_CURSOR,
    BAD_LIMIT,
    BAD_NEW_REQUEST,
    CLUSTER_AWAY,
    ENDED,
    NO_REQUEST,
    NOT_DONE_YET,
    WRONG_CHANGE,
    refusals,
)
from imagebatch_gateway.answers.models import (
    RequestAnswer,
    RequestCreated,
    RequestItem,
    RequestList,
    RequestStatus,
)
from imagebatch_gateway.answers.problems import invalid_csv_of
from imagebatch_gateway.requests.changes import RequestPatch
from imagebatch_gateway.services import LinksOf, ServicesOf
from imagebatch_gateway.uploads.new_request import NewRequest, NewRequestBase

from .idempotency import IdempotencyKey
from .paging import Limit

router = APIRouter(tags=["requests"])


@router.get(
    "/api/requests",
    operation_id="listRequests",
    summary="All requests, newest first",
    responses=refusals(BAD_CURSOR, BAD_LIMIT, *CLUSTER_AWAY),
)
async def list_requests(
    services: ServicesOf,
    links: LinksOf,
    *,
    status: RequestStatus | None = None,
    q: Annotated[
        str | None, Query(max_length=253, description="Text in its requestId, name or fileName.")
    ] = None,
    limit: Limit = 100,
    cursor: Annotated[
        str | None, Query(max_length=300, description="From `next` of an earlier answer.")
    ] = None,
) -> RequestList:
    """Uploads, and what was made with kubectl. A list costs the API server nothing: a watch keeps
    it current.
    """
    page = await services.history.page(status, q, cursor, limit)
    following = None
    if page.cursor is not None:
        following = links.page("/api/requests", status=status, q=q, limit=limit, cursor=page.cursor)
    items = [
        RequestItem(**{name: getattr(entry, name) for name in RequestItem.model_fields})
        for entry in page.entries
    ]
    return RequestList(items=items, next=following)


@router.post(
    "/api/requests",
    operation_id="createRequest",
    summary="Make a request from an address, an object of the bucket or inline CSV",
    responses=refusals(*BAD_NEW_REQUEST, *CLUSTER_AWAY),
)
async def create_request(
    response: Response,
    services: ServicesOf,
    links: LinksOf,
    asked: Annotated[NewRequest, Body()],
    idempotency_key: IdempotencyKey = None,
) -> RequestCreated:
    """Inline CSV is checked at once; any other source is read, and refused, by the request itself:
    follow its status.
    """
    assert isinstance(asked, NewRequestBase)  # noqa: S101 - its fields are copied from the spec
    try:
        name, replayed = await services.uploads.create(asked.spec(), asked.name, idempotency_key)
    except InputRefused as error:
        raise invalid_csv_of(error) from error
    response.headers["Location"] = links.status(name)
    if replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return RequestCreated(
        request_id=name, status_url=links.status(name), download_url=links.download(name)
    )


@router.get(
    "/api/requests/{request_id}",
    operation_id="getRequest",
    summary="A request: its status, and what it was made from",
    responses=refusals(NO_REQUEST, *CLUSTER_AWAY),
)
async def get_request(request_id: str, services: ServicesOf, links: LinksOf) -> RequestAnswer:
    batch = await services.lookup.batch(request_id)
    return await services.snapshots.request(batch, links)


@router.patch(
    "/api/requests/{request_id}",
    operation_id="changeRequest",
    summary="Suspend, resume, confirm or cancel a request, or change its parallelism",
    responses=refusals(NO_REQUEST, ENDED, NOT_DONE_YET, WRONG_CHANGE, *CLUSTER_AWAY),
)
async def change_request(
    request_id: str,
    services: ServicesOf,
    links: LinksOf,
    patch: Annotated[
        RequestPatch,
        Body(
            media_type="application/merge-patch+json",
            openapi_examples={
                "cancel": {"value": {"cancel": True}},
                "pause": {"value": {"suspend": True}},
                "confirm": {"value": {"suspendAfter": None}},
                "faster": {"value": {"parallelism": 40}},
            },
        ),
    ],
) -> RequestAnswer:
    """A JSON merge patch, also taken as application/json. A cancelled request cannot go on."""
    changed = await services.changes.apply(request_id, patch)
    return await services.snapshots.request(changed, links)


@router.delete(
    "/api/requests/{request_id}",
    operation_id="deleteRequest",
    summary="Delete a request; if it runs, it ends",
    status_code=204,
    responses=refusals(NO_REQUEST, *CLUSTER_AWAY),
)
async def delete_request(request_id: str, services: ServicesOf) -> None:
    """Its objects in the bucket stay: `deletionPolicy` of the ImageBatch decides about them."""
    await services.changes.delete(request_id)
