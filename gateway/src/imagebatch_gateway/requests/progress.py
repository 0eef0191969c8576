"""Reads the progress of a running batch from the small documents that its pods overwrite.

The operator counts finished shards only; the documents count every image. A document is read again
only if it has changed. Documents of complete shards are not even listed again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Final
from weakref import WeakValueDictionary

from cachetools import LRUCache
from pydantic import ValidationError

from imagebatch_core.indexes import FailureGroup
from imagebatch_core.keys import BatchKeys
from imagebatch_core.plan import PlannedBatch
from imagebatch_core.progress import PodProgress
from imagebatch_core.results import ImageStatus
from imagebatch_gateway.backends.errors import (
    GatewayError,
    ResultMissing,
    ResultUnreadable,
    StoreUnavailable,
)
from imagebatch_gateway.backends.objects import Listed, Objects

from .plans import Plans
from .pod_counts import Counts, counts_of_shard, total

#: Most documents that are counted. For a batch with more, the operator's counts are shown.
LISTED_LIMIT: Final = 100_000
#: Most documents that are read for one response. The next response reads more.
READS_LIMIT: Final = 1000
READS_AT_ONCE: Final = 32
#: Seconds for which a count is reused.
FRESH_SECONDS: Final = 2.0
BATCHES_CACHED: Final = 200

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """Images recorded so far. An image is counted once, even if several pods recorded it.

    ``planned`` is ``None`` until the input is planned. ``failures`` groups the failed images by
    code, the most frequent first. ``stale`` says that the store does not respond now: these are the
    figures of the last successful count.
    """

    planned: PlannedBatch | None = None
    counts: Counter[ImageStatus] = field(default_factory=Counter)
    bytes_in: int = 0
    bytes_out: int = 0
    failures: tuple[FailureGroup, ...] = ()
    stale: bool = False

    @property
    def done(self) -> int:
        return self.counts.total()


@dataclass(slots=True)
class _Known:
    """Cached state of one batch.

    ``complete`` has the counts of the shards before ``first_open``, whose images are all recorded.
    ``pods`` has the documents of the later shards by key, each with the version that was read.
    ``failing`` says that the last attempt to count failed, so that this is logged only once.
    """

    at: float = 0.0
    failing: bool = False
    progress: Progress | None = None
    first_open: int = 0
    complete: Counts = field(default_factory=Counts)
    pods: dict[str, tuple[str, PodProgress]] = field(default_factory=dict)


class ProgressReader:
    """Reads and caches the progress of batches. ``clock`` returns monotonic seconds."""

    def __init__(self, objects: Objects, plans: Plans, clock: Callable[[], float]) -> None:
        self._objects = objects
        self._plans = plans
        self._clock = clock
        self._batches: LRUCache[str, _Known] = LRUCache(BATCHES_CACHED)
        # A lock is removed when nobody holds it or waits for it.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def read(self, keys: BatchKeys) -> Progress | None:
        """Return a batch's progress; ``None`` if it has too many documents or they are
        unreadable."""
        lock = self._locks.setdefault(keys.root, asyncio.Lock())
        async with lock:
            known = self._batches.get(keys.root)
            if known is None:
                known = self._batches[keys.root] = _Known(self._clock() - FRESH_SECONDS)
            if self._clock() - known.at >= FRESH_SECONDS:
                known.progress = await self._updated(keys, known)
                known.at = self._clock()
            return known.progress

    async def _updated(self, keys: BatchKeys, known: _Known) -> Progress | None:
        planned = known.progress.planned if known.progress else None
        try:
            planned = await self._plans.of(keys)
            if planned is None:
                return Progress()
            progress = await self._counted(keys, planned, known)
        except GatewayError as error:
            if not known.failing:
                _log.warning(
                    "the progress of a batch cannot be counted: %s",
                    error,
                    extra={"batch": keys.root},
                )
            known.failing = True
            if isinstance(error, StoreUnavailable):
                return replace(known.progress or Progress(planned), stale=True)
            return None
        known.failing = False
        return progress

    async def _counted(
        self, keys: BatchKeys, planned: PlannedBatch, known: _Known
    ) -> Progress | None:
        # The name is after all keys of the shard before. If it named the shard's own folder,
        # SeaweedFS would skip that folder.
        before = known.first_open - 1
        after = f"{keys.shard_progress(before)}~" if before >= 0 else None
        listed = await self._objects.list_versions(keys.progress, after, limit=LISTED_LIMIT)
        if listed is None:
            return None
        await self._read_changed(listed, known)
        by_shard = {
            int(number): counts_of_shard(list(pods), planned.images_of(int(number)))
            for number, pods in _by_shard(keys, known)
        }
        while known.first_open in by_shard:
            counts = by_shard[known.first_open]
            if counts.done < planned.images_of(known.first_open):
                break
            known.complete.add(by_shard.pop(known.first_open))
            done = keys.shard_progress(known.first_open)
            known.pods = {k: pod for k, pod in known.pods.items() if not k.startswith(done)}
            known.first_open += 1
        counts = total((known.complete, *by_shard.values()))
        return Progress(
            planned, counts.images, counts.bytes_in, counts.bytes_out, tuple(counts.groups())
        )

    async def _read_changed(self, listed: Sequence[Listed], known: _Known) -> None:
        gate = asyncio.Semaphore(READS_AT_ONCE)

        async def read(one: Listed) -> None:
            async with gate:
                try:
                    content = await self._objects.read(one.key)
                except ResultMissing:
                    return
            try:
                pod = PodProgress.model_validate_json(content)
            except ValidationError as error:  # a newer runner may have written it
                raise ResultUnreadable(one.key) from error
            known.pods[one.key] = one.version, pod

        changed = [
            one
            for one in listed
            if one.key not in known.pods or known.pods[one.key][0] != one.version
        ]
        await asyncio.gather(*(read(one) for one in changed[:READS_LIMIT]))


def _by_shard(keys: BatchKeys, known: _Known) -> list[tuple[str, list[PodProgress]]]:
    """Return pairs of shard number and documents, for each shard that has documents."""
    return [
        (number, [known.pods[key][1] for key in group])
        for folder, group in groupby(sorted(known.pods), key=lambda key: key.rpartition("/")[0])
        if (number := folder.removeprefix(keys.progress)).isdigit()
    ]
