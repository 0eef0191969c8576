"""Follow which images of a shard are recorded, while several pods work on it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Final

from imagebatch_core.errors import ImageBatchError
from imagebatch_core.object_names import parse_part_key
from imagebatch_core.results import ImageResult

from .background import running
from .batch import Batch
from .parts import Place, read_part

log = logging.getLogger(__name__)

#: Seconds between two looks at the parts of other pods.
EVERY_SECONDS: Final = 2.0


class RecordedPlaces:
    """The places that the parts of a shard record. ``places`` grows with each look.

    ``known`` are keys of parts that are not read; parts of ``without`` are not read either.
    """

    def __init__(
        self, batch: Batch, shard: int, known: Iterable[str] = (), without: str | None = None
    ) -> None:
        self._storage = batch.storage
        self._prefix = batch.keys.shard_results(shard)
        self._without = without
        self.part_keys = set(known)
        self.places: set[Place] = set()

    async def look(self) -> None:
        """Read the parts that are new since the last look.

        Raises:
            StorageUnavailable, StorageRefused: they cannot be read.
        """
        for key in await asyncio.to_thread(self._storage.keys, self._prefix):
            if key in self.part_keys:
                continue
            named = parse_part_key(key)
            if named is None or named.writer != self._without:
                results = await asyncio.to_thread(read_part, self._storage, key)
                self.places.update((result.row, result.position) for result in results)
            self.part_keys.add(key)

    def without_known(self, results: Iterable[ImageResult]) -> list[ImageResult]:
        """Return the results of images that no part recorded at the last look.

        Progress adds what the pods of a shard tell: an image that two pods did counts once.
        """
        return [one for one in results if (one.row, one.position) not in self.places]

    @asynccontextmanager
    async def watching(self, every: float = EVERY_SECONDS) -> AsyncIterator[None]:
        """Look again and again during the block. An error is logged: the next look may succeed."""
        async with running(self._look_again_and_again(every)):
            yield

    async def _look_again_and_again(self, every: float) -> None:
        while True:
            await asyncio.sleep(every)
            try:
                await self.look()
            except ImageBatchError as error:
                log.info("the parts of other pods cannot be read now: %s", error)
