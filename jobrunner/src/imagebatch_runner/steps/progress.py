"""Publish a pod's progress within its shard: overwrite one small document every 2 seconds.

Only readers of progress use the document. If the store does not accept it, readers get older
figures; the shard is neither delayed nor failed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Final

from imagebatch_core.indexes import FailureGroups
from imagebatch_core.progress import PodProgress
from imagebatch_core.results import ImageResult
from imagebatch_runner.store.documents import to_json
from imagebatch_runner.store.storage import Storage

from .background import running
from .counts import ResultCounts

log = logging.getLogger(__name__)

#: Seconds between two writes while results arrive.
EVERY_SECONDS: Final = 2.0
#: Time limit in seconds for one write.
PATIENCE: Final = 5.0


class ProgressCounts:
    """Counts the results that one pod recorded; each image must be added only once."""

    def __init__(self) -> None:
        self._counts = ResultCounts()
        self._failures = FailureGroups()

    def add(self, results: Iterable[ImageResult]) -> None:
        for result in results:
            self._counts.add(result)
            self._failures.add(result)

    @property
    def failed(self) -> int:
        return self._counts.totals().failed

    def document(self) -> PodProgress:
        return PodProgress(totals=self._counts.totals(), failures=tuple(self._failures.groups()))


class ProgressWriter:
    """Writes the progress of one pod to ``key``; ``counts`` begins with what it recorded before."""

    def __init__(
        self,
        storage: Storage,
        key: str,
        counts: ProgressCounts,
        *,
        every: float = EVERY_SECONDS,
    ) -> None:
        self._storage = storage.within(PATIENCE)
        self._key = key
        self._counts = counts
        self._every = every
        self._changed = asyncio.Event()

    def add(self, results: Iterable[ImageResult]) -> None:
        """Count results that are recorded."""
        self._counts.add(results)
        self._changed.set()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Write the document during the block whenever it is due, and once more at its end."""
        async with running(self._run()):
            yield
        if self._changed.is_set():
            await self._write()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            await self._changed.wait()
            await self._write()

    async def _write(self) -> None:
        self._changed.clear()
        try:
            await put_progress(self._storage, self._key, self._counts)
        except asyncio.CancelledError:
            self._changed.set()
            raise


async def put_progress(storage: Storage, key: str, counts: ProgressCounts) -> None:
    """Store a progress document. If the store does not accept it in time, that is only logged."""
    try:
        async with asyncio.timeout(PATIENCE):
            await storage.put_async(key, to_json(counts.document()))
    except Exception as error:  # noqa: BLE001 - no error here may end the shard
        log.info("the progress cannot be written: %s", str(error) or type(error).__name__)
