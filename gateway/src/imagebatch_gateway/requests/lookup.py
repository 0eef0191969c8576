"""A requestId from a stranger to the ImageBatch of that name."""

from __future__ import annotations

import re
from typing import Final

from imagebatch_core.resource import ImageBatch
from imagebatch_gateway.backends.batches import Batches
from imagebatch_gateway.backends.errors import BatchMissing

# As the API server names objects (RFC 1123 subdomain): a UUID is one, so is a name by hand.
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LONGEST: Final = 253


class Lookup:
    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    async def batch(self, request_id: str) -> ImageBatch:
        """Raises BatchMissing also for what can be no name, without asking the API server."""
        if len(request_id) > _LONGEST or not _NAME.fullmatch(request_id):
            raise BatchMissing(request_id[:_LONGEST])
        return await self._batches.get(request_id)
