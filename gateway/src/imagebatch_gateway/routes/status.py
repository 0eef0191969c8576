"""GET /api/status/{request_id} and, under its older name, /status/{request_id}."""

from __future__ import annotations

import hashlib
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response

from imagebatch_gateway.access.caller import Action
from imagebatch_gateway.access.needs import GuardedRoute, needs
from imagebatch_gateway.answers.conditions import matches
from imagebatch_gateway.answers.documented import (
    BAD_CURSOR,
    CLUSTER_AWAY,
    LONG_CURSOR,
    NO_REQUEST,
    NO_RESULT,
    STORE_AWAY,
    refusals,
)
from imagebatch_gateway.answers.models import StatusAnswer
from imagebatch_gateway.answers.response_headers import sent_headers
from imagebatch_gateway.services import LinksOf, ServicesOf

from .both_names import under_both_names

router = APIRouter(tags=["requests"], route_class=GuardedRoute)


@under_both_names(
    router.get,
    "/api/status/{request_id}",
    "/status/{request_id}",
    dependencies=[needs(Action.GET)],
    operation_id="getStatus",
    summary="State of a request, and the URLs of its outputs",
    response_model=StatusAnswer,
    responses={
        200: sent_headers("ETag", "Cache-Control"),
        304: {
            "description": "The status is still the one that the ETag in If-None-Match names",
            **sent_headers("ETag", "Cache-Control"),
        },
        **refusals(BAD_CURSOR, LONG_CURSOR, NO_REQUEST, NO_RESULT, *CLUSTER_AWAY, STORE_AWAY),
    },
)
async def get_status(
    request_id: str,
    services: ServicesOf,
    links: LinksOf,
    cursor: Annotated[
        str | None, Query(max_length=64, description="The cursor in `next` of the page before.")
    ] = None,
    if_none_match: Annotated[
        str | None, Header(description="ETags that the caller has; 304 if one is current.")
    ] = None,
) -> Response:
    """If the object store does not respond, a call without cursor returns 200 and `note` says what
    is missing; a call with a cursor returns 503.
    """
    batch = await services.lookup.batch(request_id)
    answer = await services.snapshots.of(batch, links, cursor)
    body = answer.model_dump_json(by_alias=True).encode()
    etag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    if matches(if_none_match, etag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")
