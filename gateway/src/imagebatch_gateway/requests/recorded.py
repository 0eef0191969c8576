"""Reads the results of a running batch from the parts of its shards.

A part never changes, so the parts that were read last are cached. Its key names its first and last
row, so a page reads only the parts that may hold its rows. These may be in any shard of a group,
but all results of one image are in one shard. If it has several, the first in key order counts, as
in collect.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
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

#: Most results that are parsed at once.
PARSED: Final = 500

Result = dict[str, Any]
"""A line of a part or of ``report.jsonl``."""

#: The beginning of a line that names its row and position.
_PLACE: Final = re.compile(rb'\{"row":([0-9]+),"position":([0-9]+),')


class GroupParts(NamedTuple):
    """The shards of a group, and the keys of their parts, sorted."""

    shards: range
    parts: Sequence[str]


class Recorded:
    """Reads results of shards. ``clock`` returns monotonic seconds."""

    def __init__(self, objects: Objects, clock: Callable[[], float]) -> None:
        self._objects = objects
        self._content: LRUCache[str, bytes] = LRUCache(BYTES_CACHED, getsizeof=len)
        self._lists: TTLCache[str, tuple[str, ...]] = TTLCache(LISTS_CACHED, FRESH_SECONDS, clock)

    async def of_rows(
        self, keys: BatchKeys, shards: range, first_row: int, last_row: int
    ) -> list[Result]:
        """Return the results of these rows, as far as images of these shards belong to them."""
        parts = await self._of_shards(keys, shards)
        return [
            result
            async for results in self.in_order(parts, first_row, last_row)
            for result in results
        ]

    async def groups_from(self, keys: BatchKeys, shard: int, size: int) -> list[GroupParts]:
        """Return the next groups of ``size`` shards, from this shard on, that have parts.

        It returns those whose parts are all in the response to one list request, and at least one
        group, unless there is none.
        """
        # The name is after all keys of the shard before. If it named the shard's own folder,
        # SeaweedFS would skip that folder.
        after = f"{keys.shard_results(shard - 1)}~" if shard else None
        listed = await self._objects.list_after(keys.results, after, limit=LISTED)
        found = list(_by_group(keys, listed, size))
        if len(listed) < LISTED or not found:
            return found
        if len(found) > 1:
            return found[:-1]
        only = found[0].shards
        return [GroupParts(only, await self._of_shards(keys, only))]

    async def in_order(
        self, parts: Sequence[str], first_row: int, last_row: int = sys.maxsize
    ) -> AsyncIterator[list[Result]]:
        """Yield the results in these parts of one group, in input order, piece by piece.

        Only results of the rows from ``first_row`` to ``last_row`` are yielded. Parts are read in
        the order of their first rows, a few in parallel, so a caller that stops early reads only
        some of them.
        """
        waiting = sorted(_of_rows(parts, first_row, last_row), key=lambda part: part[0])
        # Lines, not results: those of a whole group may be waiting, and a result takes more memory.
        found: dict[tuple[int, int], tuple[str, bytes]] = {}
        while waiting:
            now, waiting = waiting[:READS_AT_ONCE], waiting[READS_AT_ONCE:]
            contents = await asyncio.gather(*(self._read(key) for _, key in now))
            for (_, key), content in zip(now, contents, strict=True):
                for place, line in _placed(key, content.splitlines()):
                    earlier = found.get(place)
                    wanted = first_row <= place[0] <= last_row
                    if wanted and (earlier is None or key < earlier[0]):
                        found[place] = key, line
            # Rows before the first row of the next part are complete.
            whole = sorted(p for p in found if not waiting or p[0] < waiting[0][0])
            for at in range(0, len(whole), PARSED):
                lines = [found.pop(place) for place in whole[at : at + PARSED]]
                yield [result for key, line in lines for result in parsed(key, [line])]

    async def _of_shards(self, keys: BatchKeys, shards: range) -> list[str]:
        """Return the keys of the parts of these shards, sorted."""
        found: list[str] = []
        for at in range(0, len(shards), READS_AT_ONCE):
            some = shards[at : at + READS_AT_ONCE]
            for listed in await asyncio.gather(*(self._listed(keys, one) for one in some)):
                found += listed
        return found

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


def _placed(key: str, lines: list[bytes]) -> Iterator[tuple[tuple[int, int], bytes]]:
    """Yield row and position of each line, and the line. Raises ResultUnreadable."""
    for line in lines:
        found = _PLACE.match(line)
        if found is not None:
            yield (int(found[1]), int(found[2])), line
        else:
            for result in parsed(key, [line]):
                yield (result["row"], result["position"]), line


def _of_rows(parts: Sequence[str], first_row: int, last_row: int) -> Iterator[tuple[int, str]]:
    """Yield pairs of first row and key, for each part that may contain some of these rows.

    The key of a part from an older runner does not name rows, so it may contain any.
    """
    for key in parts:
        named = parse_part_key(key)
        if named is None or named.first_row is None or named.last_row is None:
            yield 0, key
        elif named.last_row >= first_row and named.first_row <= last_row:
            yield named.first_row, key


def _by_group(keys: BatchKeys, listed: list[str], size: int) -> Iterator[GroupParts]:
    def group_of(key: str) -> int:
        number = key.rpartition("/")[0].removeprefix(keys.results)
        return int(number) // size if number.isdigit() else -1

    for group, parts in groupby(listed, key=group_of):
        if group >= 0:
            yield GroupParts(range(group * size, (group + 1) * size), tuple(parts))
