"""Finds the ImageBatch that a requestId names."""

from __future__ import annotations

from imagebatch_core import names
from imagebatch_core.keys import BatchKeys
from imagebatch_core.resource import ImageBatch
from imagebatch_gateway.backends.batches import Batches
from imagebatch_gateway.backends.errors import BatchMissing, ResultMissing


class Lookup:
    """``prefix`` is that of the store."""

    def __init__(self, batches: Batches, prefix: str) -> None:
        self._batches = batches
        self._prefix = prefix

    async def batch(self, request_id: str) -> ImageBatch:
        """Raises BatchMissing, without asking the API server if no object can have this name."""
        if not names.is_object_name(request_id):
            raise BatchMissing(request_id[: names.LONGEST_OBJECT_NAME])
        return await self._batches.get(request_id)

    def keys_of(self, batch: ImageBatch) -> BatchKeys:
        """Where the batch's data lies: where its status says, else below the present prefix.

        Raises:
            ResultMissing: the status names a place of another namespace.
        """
        root = batch.status.storage
        if root is None:
            return BatchKeys.of(batch.namespace, batch.uid, self._prefix)
        try:
            return BatchKeys.at(root, batch.namespace)
        except ValueError as error:
            raise ResultMissing(root) from error
