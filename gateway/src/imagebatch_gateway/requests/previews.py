"""The sampled images of a batch: their kept sources and their outputs, in pairs."""

from __future__ import annotations

import asyncio
from typing import Final

from cachetools import LRUCache
from pydantic import ValidationError

from imagebatch_core.keys import BatchKeys, parse_source_name
from imagebatch_core.previews import KeptSource
from imagebatch_gateway.backends.errors import ResultMissing, ResultUnreadable
from imagebatch_gateway.backends.objects import Objects

#: Most keys of kept sources that are listed: two for each image of the largest sample.
LISTED: Final = 2000
#: Documents in memory, of some 500 bytes each.
CACHED: Final = 5000
READS_AT_ONCE: Final = 16


class Previews:
    """Reads previews. Their documents never change, so each is read once."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._documents: LRUCache[str, KeptSource] = LRUCache(CACHED)

    async def of(self, keys: BatchKeys) -> list[KeptSource]:
        """Return the previews of a batch in input order, each image once.

        Raises StoreUnavailable.
        """
        listed = await self._objects.list_after(keys.sources, None, limit=LISTED)
        gate = asyncio.Semaphore(READS_AT_ONCE)

        async def read(key: str) -> KeptSource | None:
            async with gate:
                return await self._read(keys, key)

        found = await asyncio.gather(*(read(key) for key in listed if key.endswith(".json")))
        previews = {(one.row, one.position): one for one in found if one is not None}
        return [previews[place] for place in sorted(previews)]

    async def _read(self, keys: BatchKeys, key: str) -> KeptSource | None:
        """Return a document; ``None`` if it is gone, or names a source of another batch."""
        found = self._documents.get(key)
        if found is None:
            try:
                found = KeptSource.model_validate_json(await self._objects.read(key))
            except (ResultMissing, ResultUnreadable, ValidationError):
                return None
            self._documents[key] = found
        name = found.source_key.removeprefix(keys.sources)
        return found if parse_source_name(name) is not None else None
