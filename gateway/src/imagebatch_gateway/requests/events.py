"""The status of a request as a stream of events, one for each change, until the request ends."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Final

from imagebatch_gateway.answers.links import Links
from imagebatch_gateway.answers.models import RequestAnswer, RequestStatus
from imagebatch_gateway.backends.errors import BatchMissing, ClusterUnavailable

from .lookup import Lookup
from .snapshot import Snapshots

#: Seconds between two looks.
LOOK_SECONDS: Final = 2.0

_ENDED: Final = frozenset({RequestStatus.COMPLETED, RequestStatus.FAILED, RequestStatus.CANCELLED})


async def status_events(
    lookup: Lookup, snapshots: Snapshots, request_id: str, links: Links, last_id: str | None
) -> AsyncIterator[tuple[str, RequestAnswer]]:
    """Ids and statuses. An id is the hash of its status: who comes back with the last one gets the
    next change, and at once if there was one meanwhile. While the API server is away, nothing
    changes. The stream ends with the request, or when it is deleted.
    """
    while True:
        try:
            answer = await snapshots.request(await lookup.batch(request_id), links)
        except ClusterUnavailable:
            await asyncio.sleep(LOOK_SECONDS)
            continue
        except BatchMissing:
            return
        id_ = hashlib.sha256(answer.model_dump_json(by_alias=True).encode()).hexdigest()[:32]
        if id_ != last_id:
            last_id = id_
            yield id_, answer
        if answer.status in _ENDED:
            return
        await asyncio.sleep(LOOK_SECONDS)
