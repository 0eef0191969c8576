"""Tells a pass how long the chart's defaults keep an ended batch, from the watched batches."""

from __future__ import annotations

from imagebatch_core.resource import ImageBatch
from imagebatch_operator.cluster.cache import Cache
from imagebatch_operator.cluster.work_queue import Key
from imagebatch_operator.policies.retention import (
    KEPT,
    EndedBatches,
    Retention,
    awaited,
    from_git,
)

from .settings import Settings


class Keeping:
    """The retention of all watched batches."""

    def __init__(self, cache: Cache, settings: Settings) -> None:
        self._cache = cache
        self._ttl = settings.default_ttl_seconds
        keep = settings.ended_batches_per_namespace
        self._ended = EndedBatches(keep) if keep is not None else None
        if self._ended is not None:
            cache.on_change(self._read)
            for key in cache.keys_now():
                self._read(key)

    def retention(self, batch: ImageBatch) -> Retention:
        """Return what the defaults say of a batch that has ended."""
        if from_git(batch):
            return KEPT
        key = (batch.namespace, batch.name)
        surplus = self._ended is not None and self._ended.is_surplus(key)
        if surplus:
            names = (other for other in self._cache.keys_now() if other[0] == batch.namespace)
            bodies = (self._cache.batch(other) for other in names)
            surplus = not awaited(batch.name, (body for body in bodies if body is not None))
        return Retention(self._ttl, surplus)

    def due(self) -> list[Key]:
        """Return the batches to look at, because newer ones have ended."""
        return self._ended.due() if self._ended is not None else []

    def _read(self, key: Key) -> None:
        if self._ended is not None:
            self._ended.put(self._cache.batch(key), key)
