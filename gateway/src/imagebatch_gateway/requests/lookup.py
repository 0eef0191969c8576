"""Finds the ImageBatch of a requestId, and the keys of its data."""

from __future__ import annotations

from imagebatch_core import names
from imagebatch_core.keys import BatchKeys
from imagebatch_core.resource import ImageBatch
from imagebatch_gateway.backends.batches import Batches
from imagebatch_gateway.backends.errors import BatchMissing, ResultMissing


class Lookup:
    """Finds batches. ``prefix`` is the prefix of all keys in the bucket."""

    def __init__(self, batches: Batches, prefix: str) -> None:
        self._batches = batches
        self._prefix = prefix

    async def batch(self, request_id: str) -> ImageBatch:
        """Return the batch of this requestId. Raises BatchMissing.

        The API server is not asked if the text cannot be the name of an object.
        """
        if not names.is_object_name(request_id):
            raise BatchMissing(request_id[: names.LONGEST_OBJECT_NAME])
        return await self._batches.get(request_id)

    def keys_of(self, batch: ImageBatch) -> BatchKeys:
        """Return the keys of the batch's data.

        They are below ``status.storage``, or below the configured prefix if the status has none
        yet.

        Raises:
            ResultMissing: ``status.storage`` belongs to another namespace.
        """
        root = batch.status.storage
        if root is None:
            return BatchKeys.of(batch.namespace, batch.uid, self._prefix)
        try:
            return BatchKeys.at(root, batch.namespace)
        except ValueError as error:
            raise ResultMissing(root) from error
