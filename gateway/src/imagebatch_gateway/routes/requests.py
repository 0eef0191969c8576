"""/api/requests: lists, creates, reads, changes and deletes requests."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Query, Response

from imagebatch_core.errors import InputRefused
from imagebatch_gateway.access.caller import Action
from imagebatch_gateway.access.needs import GuardedRoute, needs
from imagebatch_gateway.answers.documented import (
    BAD_CURSOR,
    BAD_LIMIT,
    BAD_NEW_REQUEST,
    CLUSTER_AWAY,
    ENDED,
    EXPIRED,
    NO_REQUEST,
    STORE_AWAY,
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
from imagebatch_gateway.answers.response_headers import NEW_REQUEST
from imagebatch_gateway.requests.changes import RequestPatch
from imagebatch_gateway.services import LinksOf, ServicesOf
from imagebatch_gateway.uploads.new_request import NewRequest, NewRequestBase

from .idempotency import IdempotencyKey
from .paging import Limit

router = APIRouter(tags=["requests"], route_class=GuardedRoute)


@router.get(
    "/api/requests",
    dependencies=[needs(Action.LIST)],
    operation_id="listRequests",
    summary="All requests, newest first",
    responses=refusals(BAD_CURSOR, BAD_LIMIT, *CLUSTER_AWAY),
)
async def list_requests(
    services: ServicesOf,
    links: LinksOf,
    *,
    status: Annotated[
        RequestStatus | None, Query(description="Only requests with this status.")
    ] = None,
    q: Annotated[
        str | None,
        Query(
            max_length=253,
            description="Only requests whose requestId, name or fileName contains this text.",
        ),
    ] = None,
    limit: Limit = 100,
    cursor: Annotated[
        str | None, Query(max_length=300, description="The cursor in `next` of the page before.")
    ] = None,
) -> RequestList:
    """The list has all requests of the namespace: uploads, ImageBatches made with kubectl, and
    those whose ImageBatch is gone (`expired`), as long as the bucket has their history. A watch
    keeps it current, so a call causes no request to the API server.
    """
    page = await services.lists.page(status, q, cursor, limit)
    following = None
    if page.cursor is not None:
        following = links.page("/api/requests", status=status, q=q, limit=limit, cursor=page.cursor)
    items = [
        RequestItem(**{name: getattr(entry, name) for name in RequestItem.model_fields})
        for entry in page.entries
    ]
    return RequestList(items=items, next=following, note=page.note)


@router.post(
    "/api/requests",
    dependencies=[needs(Action.CREATE)],
    operation_id="createRequest",
    summary="Create a request from a URL, a bucket, inline CSV or an earlier request",
    responses={200: NEW_REQUEST, **refusals(*BAD_NEW_REQUEST, *CLUSTER_AWAY)},
)
async def create_request(
    response: Response,
    services: ServicesOf,
    links: LinksOf,
    asked: Annotated[NewRequest, Body()],
    idempotency_key: IdempotencyKey = None,
) -> RequestCreated:
    """Inline CSV is checked at once. Any other source is read later, by the request itself; if it
    is refused, the status of the request says why.
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
    dependencies=[needs(Action.GET)],
    operation_id="getRequest",
    summary="A request: its status, and what it was made from",
    responses=refusals(NO_REQUEST, *CLUSTER_AWAY, STORE_AWAY),
)
async def get_request(request_id: str, services: ServicesOf, links: LinksOf) -> RequestAnswer:
    """Returns what `/api/status/{request_id}` does without a cursor, and more. While the object
    store does not respond, `note` says what is missing."""
    batch = await services.lookup.batch(request_id)
    return await services.snapshots.request(batch, links)


@router.patch(
    "/api/requests/{request_id}",
    dependencies=[needs(Action.PATCH)],
    operation_id="changeRequest",
    summary="Suspend, resume, confirm or cancel a request, or change its parallelism",
    responses=refusals(NO_REQUEST, ENDED, *WRONG_CHANGE, *CLUSTER_AWAY, STORE_AWAY),
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
    """The body is a JSON merge patch; the media type application/json is accepted too. A cancelled
    request cannot be resumed.
    """
    changed = await services.changes.apply(request_id, patch)
    return await services.snapshots.request(changed, links)


@router.delete(
    "/api/requests/{request_id}",
    dependencies=[needs(Action.DELETE)],
    operation_id="deleteRequest",
    summary="Delete a request, and stop it if it is running",
    status_code=204,
    responses=refusals(NO_REQUEST, EXPIRED, *CLUSTER_AWAY, STORE_AWAY),
)
async def delete_request(request_id: str, services: ServicesOf) -> None:
    """This call deletes no objects in the bucket: `deletionPolicy` of the ImageBatch says whether
    they are deleted later.
    """
    await services.changes.delete(request_id)
