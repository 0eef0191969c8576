"""Tells a pass how long an ended batch is kept: by the chart's defaults and the other batches."""

from __future__ import annotations

from imagebatch_core.resource import ImageBatch
from imagebatch_operator.cluster.cache import Cache
from imagebatch_operator.cluster.work_queue import Key
from imagebatch_operator.policies.retention import (
    AwaitedBatches,
    EndedBatches,
    Retention,
    from_git,
)

from .settings import Settings


class Keeping:
    """The retention of all watched batches. A change of one batch costs little."""

    def __init__(self, cache: Cache, settings: Settings) -> None:
        self._cache = cache
        self._ttl = settings.default_ttl_seconds
        keep = settings.ended_batches_per_namespace
        self._ended = EndedBatches(keep) if keep is not None else None
        self._awaited = AwaitedBatches()
        cache.on_change(self._read)
        for key in cache.keys_now():
            self._read(key)

    def retention(self, batch: ImageBatch) -> Retention:
        """Return what is known about keeping a batch that has ended."""
        key = (batch.namespace, batch.name)
        awaited = self._awaited.is_awaited(key)
        if from_git(batch):
            return Retention(awaited=awaited)
        surplus = self._ended is not None and self._ended.is_surplus(key)
        return Retention(self._ttl, surplus, awaited)

    def due(self) -> list[Key]:
        """Return the batches to look at: newer ones have ended, or nobody waits for them now."""
        ended = self._ended.due() if self._ended is not None else []
        return [*ended, *self._awaited.due()]

    def _read(self, key: Key) -> None:
        body = self._cache.batch(key)
        self._awaited.put(body, key)
        if self._ended is not None:
            self._ended.put(body, key)
