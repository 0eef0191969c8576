"""Finds the ImageBatch that a requestId names."""

from __future__ import annotations

from imagebatch_core import names
from imagebatch_core.resource import ImageBatch
from imagebatch_gateway.backends.batches import Batches
from imagebatch_gateway.backends.errors import BatchMissing


class Lookup:
    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    async def batch(self, request_id: str) -> ImageBatch:
        """Raises BatchMissing, without asking the API server if no object can have this name."""
        if not names.is_object_name(request_id):
            raise BatchMissing(request_id[: names.LONGEST_OBJECT_NAME])
        return await self._batches.get(request_id)
