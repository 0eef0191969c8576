"""Streams the status of a request: one event for each change, until the request ends."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from imagebatch_gateway.answers.links import Links
from imagebatch_gateway.answers.models import RequestAnswer, RequestStatus
from imagebatch_gateway.backends.errors import (
    BatchMissing,
    CallerRefused,
    ClusterUnavailable,
    CredentialRefused,
)

from .lookup import Lookup
from .snapshot import Snapshots

#: Seconds between two reads of the status.
LOOK_SECONDS: Final = 2.0

_ENDED: Final = frozenset({RequestStatus.COMPLETED, RequestStatus.FAILED, RequestStatus.CANCELLED})


async def status_events(
    lookup: Lookup,
    snapshots: Snapshots,
    request_id: str,
    links: Links,
    *,
    last_id: str | None,
    still_allowed: Callable[[], Awaitable[bool]],
) -> AsyncIterator[tuple[str, RequestAnswer]]:
    """Yield pairs of event id and status: the present one, then one for each change.

    An id is the hash of its status. With ``last_id``, the id of the last event that the caller has,
    the first pair is left out if nothing has changed since. While the API server does not respond,
    no event is sent. The stream ends when the request has ended or is deleted, and when
    ``still_allowed`` says that the caller may no longer read it.
    """
    while True:
        try:
            if not await still_allowed():
                return
            answer = await snapshots.request(await lookup.batch(request_id), links)
        except ClusterUnavailable:
            await asyncio.sleep(LOOK_SECONDS)
            continue
        except (BatchMissing, CallerRefused, CredentialRefused):
            return
        id_ = hashlib.sha256(answer.model_dump_json(by_alias=True).encode()).hexdigest()[:32]
        if id_ != last_id:
            last_id = id_
            yield id_, answer
        if answer.status in _ENDED:
            return
        await asyncio.sleep(LOOK_SECONDS)
