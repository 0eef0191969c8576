"""An event of a watch goes into the cache, and the key of its batch into the work queue."""

from __future__ import annotations

from imagebatch_core.names import PLURAL

from .cache import Cache
from .progress import WatchProgress
from .watches import Event, Tell
from .work_queue import WorkQueue


def intake(cache: Cache, queue: WorkQueue, progress: WatchProgress) -> Tell:
    """What :class:`.watches.Watches` calls."""

    def take(kind: str, event: Event) -> None:
        body, deleted = event["object"], event["type"] == "DELETED"
        progress.tell(kind, body)
        if kind == PLURAL:
            # What is gone as well: the pass forgets what was remembered of it.
            queue.add(cache.drop_batch(body) if deleted else cache.put_batch(body))
        else:
            key = cache.drop_job(body) if deleted else cache.put_job(body)
            if key is not None:
                queue.add(key)

    return take
