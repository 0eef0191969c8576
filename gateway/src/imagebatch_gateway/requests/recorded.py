"""Reads the results of a running batch from the parts of its shards.

A part never changes, so the parts that were read last are cached. Its key names its first and last
row, so a page reads only the parts that may hold its rows. If an image has several results, the
first in key order counts, as in collect.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple

from cachetools import LRUCache, TTLCache

from imagebatch_core.keys import BatchKeys
from imagebatch_core.object_names import parse_part_key
from imagebatch_gateway import metrics
from imagebatch_gateway.backends.errors import ResultUnreadable
from imagebatch_gateway.backends.objects import Objects

READS_AT_ONCE: Final = 16
#: Bytes of parts in the cache.
BYTES_CACHED: Final = 32 * 1024 * 1024
#: Seconds for which a list of parts is cached, and number of cached lists.
FRESH_SECONDS: Final = 2.0
LISTS_CACHED: Final = 1000
#: Most parts of one list request, and most parts of one shard.
LISTED: Final = 1000
SHARD_PARTS: Final = 100_000

Result = dict[str, Any]
"""A line of a part or of ``report.jsonl``."""


class ShardParts(NamedTuple):
    """A shard's number and the keys of its parts, sorted."""

    shard: int
    parts: tuple[str, ...]


class Recorded:
    """Reads results of shards. ``clock`` returns monotonic seconds."""

    def __init__(self, objects: Objects, clock: Callable[[], float]) -> None:
        self._objects = objects
        self._content: LRUCache[str, bytes] = LRUCache(BYTES_CACHED, getsizeof=len)
        self._lists: TTLCache[str, tuple[str, ...]] = TTLCache(LISTS_CACHED, FRESH_SECONDS, clock)

    def of_shard(self, keys: BatchKeys, shard: int, first_row: int) -> AsyncIterator[list[Result]]:
        """Yield the results of a shard's images from row ``first_row`` on, like
        :meth:`in_order`."""

        async def found() -> AsyncIterator[list[Result]]:
            async for results in self.in_order(await self._listed(keys, shard), first_row):
                yield results

        return found()

    async def shards_from(self, keys: BatchKeys, shard: int) -> list[ShardParts]:
        """Return the next shards, from this number on, that have parts.

        It returns those whose parts are all in the response to one list request, and at least one
        shard, unless there is none.
        """
        # The name is after all keys of the shard before. If it named the shard's own folder,
        # SeaweedFS would skip that folder.
        after = f"{keys.shard_results(shard - 1)}~" if shard else None
        listed = await self._objects.list_after(keys.results, after, limit=LISTED)
        found = [ShardParts(*one) for one in _by_shard(keys, listed)]
        if len(listed) < LISTED or not found:
            return found
        if len(found) > 1:
            return found[:-1]
        only = found[0].shard
        return [ShardParts(only, await self._listed(keys, only))]

    async def in_order(self, parts: Sequence[str], first_row: int) -> AsyncIterator[list[Result]]:
        """Yield the results in these parts of one shard, in input order, piece by piece.

        Only results of rows from ``first_row`` on are yielded. Parts are read in the order of their
        first rows, a few in parallel, so a caller that stops early reads only some of them.
        """
        waiting = sorted(_of_rows(parts, first_row), key=lambda part: part[0])
        found: dict[tuple[int, int], tuple[str, Result]] = {}
        while waiting:
            now, waiting = waiting[:READS_AT_ONCE], waiting[READS_AT_ONCE:]
            contents = await asyncio.gather(*(self._read(key) for _, key in now))
            for (_, key), content in zip(now, contents, strict=True):
                for result in parsed(key, content.splitlines()):
                    place = result["row"], result["position"]
                    earlier = found.get(place)
                    if result["row"] >= first_row and (earlier is None or key < earlier[0]):
                        found[place] = key, result
            # Rows before the first row of the next part are complete.
            whole = [place for place in found if not waiting or place[0] < waiting[0][0]]
            if whole:
                yield [found.pop(place)[1] for place in sorted(whole)]

    async def _read(self, part: str) -> bytes:
        found = self._content.get(part)
        metrics.looked_up("parts", hit=found is not None)
        if found is None:
            found = await self._objects.read(part)
            if len(found) <= BYTES_CACHED // 8:
                self._content[part] = found
        return found

    async def _listed(self, keys: BatchKeys, shard: int) -> tuple[str, ...]:
        prefix = keys.shard_results(shard)
        found = self._lists.get(prefix)
        if found is None:
            listed = await self._objects.list_keys(prefix, limit=SHARD_PARTS)
            found = self._lists[prefix] = tuple(listed or ())
        return found


def parsed(key: str, lines: list[bytes]) -> Iterator[Result]:
    """Parse lines of the object ``key`` and yield their results. Raises ResultUnreadable."""
    for line in lines:
        if not line:
            continue
        try:
            result = json.loads(line)
            _ = result["row"], result["position"], result["status"]
        except (ValueError, KeyError, TypeError) as error:
            raise ResultUnreadable(key) from error
        yield result


def _of_rows(parts: Sequence[str], first_row: int) -> Iterator[tuple[int, str]]:
    """Yield pairs of first row and key, for each part that may contain rows from ``first_row`` on.

    The key of a part from an older runner does not name rows, so it may contain any.
    """
    for key in parts:
        named = parse_part_key(key)
        if named is None or named.first_row is None or named.last_row is None:
            yield 0, key
        elif named.last_row >= first_row:
            yield named.first_row, key


def _by_shard(keys: BatchKeys, listed: list[str]) -> Iterator[tuple[int, tuple[str, ...]]]:
    for folder, parts in groupby(listed, key=lambda key: key.rpartition("/")[0]):
        number = folder.removeprefix(keys.results)
        if number.isdigit():
            yield int(number), tuple(parts)
