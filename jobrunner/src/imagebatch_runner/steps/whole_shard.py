"""Store all results of a shard as one object, so that collect reads it instead of some 200 parts.

Only a pod that recorded all of them alone stores it, before it ends. The parts stay what counts:
without the object, or if it is not complete, they are read.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from imagebatch_core.errors import ImageBatchError
from imagebatch_core.keys import BatchKeys
from imagebatch_core.object_names import parse_part_key
from imagebatch_runner.store.storage import PART_BYTES, Storage

from .batch import Batch
from .result_lines import Reported, results_in

log: Final = logging.getLogger(__name__)

#: The most seconds that a pod waits for a store that fails: its shard is done.
_PATIENCE: Final = 5.0


class OwnResults:
    """The lines that this pod recorded of a shard; none are kept of one with more than 8 MiB."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._bytes = 0
        self._results = 0

    def add(self, part: bytes, results: int) -> None:
        """Keep a part that is stored, with its number of results."""
        self._results += results
        self._bytes += len(part)
        if self._bytes <= PART_BYTES:
            self._parts.append(part)
        else:
            self._parts.clear()

    async def store(self, batch: Batch, shard: int, writer: str, images: int) -> None:
        """Store them as one object if they are those of all images and nobody else recorded any.

        A store in trouble is no error: collect then reads the parts.
        """
        if self._results != images or not self._parts:
            return
        storage, key = batch.storage.within(_PATIENCE), batch.keys.whole_shard(shard)
        try:
            if not await asyncio.to_thread(_is_alone, storage, batch.keys, shard, writer):
                return
            await storage.put_async(key, b"".join(self._parts))
            if not await asyncio.to_thread(_is_alone, storage, batch.keys, shard, writer):
                await asyncio.to_thread(storage.delete, key)
        except ImageBatchError as error:
            log.info("the results of shard %d are not stored as one object: %s", shard, error)


def _is_alone(storage: Storage, keys: BatchKeys, shard: int, writer: str) -> bool:
    """Return whether all parts of a shard are of this writer.

    With parts of others, an image may have two results, of which the first in key order counts.
    """
    named = map(parse_part_key, storage.keys(keys.shard_results(shard)))
    return all(one is not None and one.writer == writer for one in named)


def read_whole_shard(
    storage: Storage, keys: BatchKeys, shard: int, images: int
) -> dict[tuple[int, int], Reported] | None:
    """Return the results of a shard by row and position; ``None`` if no pod stored all of them."""
    data = storage.get(keys.whole_shard(shard))
    if data is None:
        return None
    found = {(result.row, result.position): result for result in results_in(data)}
    return found if len(found) == images else None
