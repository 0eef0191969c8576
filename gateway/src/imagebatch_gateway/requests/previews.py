"""The sampled images of a batch: their kept sources and their outputs, in pairs."""

from __future__ import annotations

import asyncio
from typing import Final

from cachetools import LRUCache
from pydantic import ValidationError

from imagebatch_core.keys import BatchKeys
from imagebatch_core.object_names import parse_source_name
from imagebatch_core.previews import KeptByPod, KeptSource
from imagebatch_gateway.backends.errors import ResultMissing
from imagebatch_gateway.backends.objects import Listed, Objects

#: Most keys that are listed: a source and a document for each image of the largest sample.
LISTED: Final = 2000
#: Documents in memory, of some 10 kB each.
CACHED: Final = 1000
READS_AT_ONCE: Final = 16


class Previews:
    """Reads previews. A document is read again only when it has changed."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._documents: LRUCache[tuple[str, str], KeptByPod] = LRUCache(CACHED)

    async def of(self, keys: BatchKeys) -> list[KeptSource]:
        """Return the previews of a batch in input order, each image once.

        Raises StoreUnavailable.
        """
        listed = await self._objects.list_versions(keys.sources, None, limit=LISTED) or []
        gate = asyncio.Semaphore(READS_AT_ONCE)

        async def read(one: Listed) -> tuple[KeptSource, ...]:
            async with gate:
                return await self._read(one)

        found = await asyncio.gather(*(read(one) for one in listed if one.key.endswith(".json")))
        there = {one.key for one in listed}
        previews = {
            (kept.row, kept.position): kept
            for pod in found
            for kept in pod
            # A document may name only sources of its own batch that are still there.
            if kept.source_key in there
            and parse_source_name(kept.source_key.removeprefix(keys.sources)) is not None
        }
        return [previews[place] for place in sorted(previews)]

    async def _read(self, one: Listed) -> tuple[KeptSource, ...]:
        """Return what a document tells; nothing if it is gone or this release cannot read it."""
        found = self._documents.get((one.key, one.version))
        if found is None:
            try:
                found = KeptByPod.model_validate_json(await self._objects.read(one.key))
            except (ResultMissing, ValidationError):
                return ()
            self._documents[one.key, one.version] = found
        return found.kept
