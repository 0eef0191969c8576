"""Puts the object of an event into the cache, and the key of its batch into the work queue."""

from __future__ import annotations

from imagebatch_core.names import PLURAL

from .cache import Cache
from .progress import WatchProgress
from .watches import PODS, Event, OnEvent
from .work_queue import WorkQueue


def intake(cache: Cache, queue: WorkQueue, progress: WatchProgress) -> OnEvent:
    """Return the function that :class:`.watches.Watches` calls for each event."""

    def take(kind: str, event: Event) -> None:
        body, deleted = event["object"], event["type"] == "DELETED"
        progress.record(kind, body)
        if kind == PLURAL:
            # A deleted batch is enqueued too: its pass removes what was remembered about it.
            queue.add(cache.drop_batch(body) if deleted else cache.put_batch(body))
        elif kind == PODS:
            # A pod's deletion says nothing about its result.
            key = None if deleted else cache.put_pod(body)
            if key is not None:
                queue.add(key)
        else:
            key = cache.drop_job(body) if deleted else cache.put_job(body)
            if key is not None:
                queue.add(key)

    return take
