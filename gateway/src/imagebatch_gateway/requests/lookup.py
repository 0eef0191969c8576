"""Finds the ImageBatch of a requestId, and the keys of its data."""

from __future__ import annotations

import logging
from typing import Final

from imagebatch_core import names
from imagebatch_core.keys import BatchKeys
from imagebatch_core.resource import ImageBatch
from imagebatch_gateway.backends.batches import Batches
from imagebatch_gateway.backends.errors import BatchMissing, ResultMissing, ResultUnreadable

from .expired import expired_batch
from .records import Records

_log: Final = logging.getLogger(__name__)


class Lookup:
    """Finds the batches of one namespace. ``prefix`` is the prefix of all keys in the bucket."""

    def __init__(self, batches: Batches, records: Records, namespace: str, prefix: str) -> None:
        self._batches = batches
        self._records = records
        self._namespace = namespace
        self._prefix = prefix

    async def batch(self, request_id: str) -> ImageBatch:
        """Return the batch of this requestId, or an ExpiredBatch if only the history knows it.

        The API server is not asked if the text cannot be the name of an object.

        Raises BatchMissing, StoreUnavailable.
        """
        if not names.is_object_name(request_id):
            raise BatchMissing(request_id[: names.LONGEST_OBJECT_NAME])
        try:
            return await self._batches.get(request_id)
        except BatchMissing:
            # The caller may read batches here: otherwise the API server would have refused.
            try:
                record = await self._records.named(self._namespace, request_id)
            except ResultUnreadable as error:
                _log.warning("a request of the history is not found: %s", error)
                record = None
            if record is None:
                raise
            return expired_batch(record)

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
