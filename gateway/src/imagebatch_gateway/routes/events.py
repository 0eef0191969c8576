"""GET /api/requests/{request_id}/events: the status as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from imagebatch_core.resource import ImageBatch
from imagebatch_gateway.access.caller import Action
from imagebatch_gateway.access.needs import CallerOf, GateOf, GuardedRoute, needs, owner_of
from imagebatch_gateway.answers.documented import (
    CLUSTER_AWAY,
    NO_REQUEST,
    NO_STREAM,
    STORE_AWAY,
    refusals,
)
from imagebatch_gateway.requests.events import status_events
from imagebatch_gateway.services import LinksOf, ServicesOf

router = APIRouter(tags=["requests"], route_class=GuardedRoute)


async def _room(request: Request, gate: GateOf, caller: CallerOf) -> AsyncIterator[None]:
    """Hold room for a stream until the response has ended."""
    with gate.streams.opened(owner_of(request, caller)):
        yield


async def _existing(request_id: str, services: ServicesOf) -> ImageBatch:
    """Return the request's batch, so that a missing one gets a 404 instead of a stream."""
    return await services.lookup.batch(request_id)


@router.get(
    "/api/requests/{request_id}/events",
    dependencies=[needs(Action.GET), Depends(_room)],
    operation_id="streamEvents",
    summary="The request as server-sent events, one for each change, until it ends",
    response_class=EventSourceResponse,
    responses=refusals(NO_REQUEST, *NO_STREAM, *CLUSTER_AWAY, STORE_AWAY),
)
async def stream_events(
    batch: Annotated[ImageBatch, Depends(_existing)],
    gate: GateOf,
    caller: CallerOf,
    services: ServicesOf,
    links: LinksOf,
    *,
    last_event_id: Annotated[
        str | None, Header(description="Id of the last event that the caller received.")
    ] = None,
) -> AsyncIterable[ServerSentEvent]:
    """Events are named `status`; their data is the request, as `GET /api/requests/{request_id}`
    returns it. A comment every 15 s keeps the connection open. The stream ends when the request has
    ended; do not reconnect then. A caller who has too many open streams gets 429: poll the request
    instead.
    """
    events = status_events(
        services.lookup,
        services.snapshots,
        batch.name,
        links,
        last_id=last_event_id,
        still_allowed=partial(gate.still_may, caller, Action.GET),
    )
    async for id_, answer in events:
        yield ServerSentEvent(
            raw_data=answer.model_dump_json(by_alias=True), event="status", id=id_
        )
