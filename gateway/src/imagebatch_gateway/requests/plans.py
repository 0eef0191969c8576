"""Reads ``plan.json``, which has the size of a batch and its shards."""

from __future__ import annotations

from typing import Final

from cachetools import LRUCache
from pydantic import ValidationError

from imagebatch_core.keys import BatchKeys
from imagebatch_core.plan import PlannedBatch
from imagebatch_gateway import metrics
from imagebatch_gateway.backends.errors import ResultMissing, ResultUnreadable
from imagebatch_gateway.backends.objects import Objects

#: Number of cached plans. The largest takes about 200 kB.
PLANS_CACHED: Final = 200


class Plans:
    """Reads plans. A plan never changes, so each is read once."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._plans: LRUCache[str, PlannedBatch] = LRUCache(PLANS_CACHED)

    async def of(self, keys: BatchKeys) -> PlannedBatch | None:
        """Return the plan of a batch; ``None`` if it is not planned yet.

        Raises ResultUnreadable, StoreUnavailable.
        """
        found = self._plans.get(keys.root)
        metrics.looked_up("plans", hit=found is not None)
        if found is None:
            try:
                content = await self._objects.read(keys.plan)
            except ResultMissing:
                return None
            try:
                found = PlannedBatch.model_validate_json(content)
            except ValidationError as error:  # a newer runner may have written it
                raise ResultUnreadable(keys.plan) from error
            self._plans[keys.root] = found
        return found
