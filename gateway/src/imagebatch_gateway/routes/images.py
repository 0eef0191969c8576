"""GET /api/requests/{request_id}/images and /failures: results of images, and failures by
code."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from imagebatch_core.results import ErrorCode, ImageStatus
from imagebatch_gateway.access.caller import Action
from imagebatch_gateway.access.needs import GuardedRoute, needs
from imagebatch_gateway.answers.documented import (
    CLUSTER_AWAY,
    NO_PAGE,
    NO_REQUEST,
    NO_RESULT,
    STORE_AWAY,
    UNREADABLE,
    refusals,
)
from imagebatch_gateway.answers.result_models import FailureList, ImageItem, ImageList
from imagebatch_gateway.requests.images import Wanted
from imagebatch_gateway.requests.place import Place
from imagebatch_gateway.services import LinksOf, ServicesOf

from .paging import Cursor, Limit

router = APIRouter(tags=["results"], route_class=GuardedRoute)


@router.get(
    "/api/requests/{request_id}/images",
    dependencies=[needs(Action.GET)],
    operation_id="listImages",
    summary="The images that have a result, also while the request runs",
    responses=refusals(*NO_PAGE, UNREADABLE),
)
async def list_images(
    request_id: str,
    services: ServicesOf,
    links: LinksOf,
    *,
    status: Annotated[
        ImageStatus | None, Query(description="Only images with this status.")
    ] = None,
    code: Annotated[
        ErrorCode | None, Query(description="Only images with this error code.")
    ] = None,
    row: Annotated[
        int | None, Query(ge=1, le=10**12, description="Only images of this row.")
    ] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> ImageList:
    """Images are in input order. While the request runs, later pages do not contain an image whose
    result was recorded after the page that would have held it was read.
    """
    place = Place.from_cursor(cursor)
    batch = await services.lookup.batch(request_id)
    page = await services.images.page(
        services.lookup.keys_of(batch),
        Wanted(status, code, row),
        place,
        limit,
        collected=batch.status.report is not None,
    )
    following = None
    if page.next is not None:
        following = links.page(
            f"/api/requests/{request_id}/images",
            status=status,
            code=code,
            row=row,
            limit=limit,
            cursor=page.next.cursor(),
        )
    items = [ImageItem.model_validate(result) for result in page.results]
    return ImageList(items=items, next=following)


@router.get(
    "/api/requests/{request_id}/failures",
    dependencies=[needs(Action.GET)],
    operation_id="listFailures",
    summary="Why images failed: how many for each reason, with examples",
    responses=refusals(NO_REQUEST, NO_RESULT, UNREADABLE, *CLUSTER_AWAY, STORE_AWAY),
)
async def list_failures(request_id: str, services: ServicesOf) -> FailureList:
    """While the request runs, the failures are those that its pods have recorded so far."""
    batch = await services.lookup.batch(request_id)
    collected = batch.status.report is not None
    items = await services.failures.of(services.lookup.keys_of(batch), collected=collected)
    return FailureList(items=items)
