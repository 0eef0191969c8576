"""Reads the history: the records of requests, which stay when their resources are gone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from cachetools import LRUCache, TTLCache
from pydantic import ValidationError

from imagebatch_core.history import RecordPointer, RequestRecord
from imagebatch_core.history_keys import HistoryKeys, RecordName
from imagebatch_core.spec import DeletionPolicy
from imagebatch_gateway.backends.errors import ResultMissing, ResultUnreadable
from imagebatch_gateway.backends.objects import Objects

#: Most records of one list request.
LISTED: Final = 1000
#: Seconds for which a listing and a pointer are cached.
FRESH_SECONDS: Final = 2.0
LISTS_CACHED: Final = 200
#: Complete records in memory, of some 1 kB each.
RECORDS_CACHED: Final = 10_000
READS_AT_ONCE: Final = 32

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ListedRecord:
    """The key of a record and what it tells."""

    key: str
    name: RecordName


@dataclass(frozen=True, slots=True)
class RecordList:
    """Records in the order of a listing; ``more`` says that others may follow."""

    records: Sequence[ListedRecord]
    more: bool


class Records:
    """Reads records of any namespace. ``prefix`` is the prefix of all keys in the bucket, ``clock``
    returns monotonic seconds.
    """

    def __init__(self, objects: Objects, prefix: str, clock: Callable[[], float]) -> None:
        self._objects = objects
        self._prefix = prefix
        self._lists: TTLCache[tuple[str, str | None, int], RecordList] = TTLCache(
            LISTS_CACHED, FRESH_SECONDS, clock
        )
        self._named: TTLCache[str, RequestRecord | None] = TTLCache(
            RECORDS_CACHED, FRESH_SECONDS, clock
        )
        self._complete: LRUCache[str, RequestRecord] = LRUCache(RECORDS_CACHED)

    async def named(self, namespace: str, name: str) -> RequestRecord | None:
        """Return the newest record of a name; ``None`` if there is none.

        Raises ResultUnreadable, StoreUnavailable.
        """
        keys = HistoryKeys(namespace, self._prefix)
        pointer = keys.pointer(name)
        if pointer not in self._named:
            self._named[pointer] = await self._pointed_to(keys, pointer)
        return self._named[pointer]

    async def after(self, namespace: str, last: RecordName | None, limit: int) -> RecordList:
        """Return the next records after ``last``, newest first, at most ``limit``.

        Raises StoreUnavailable.
        """
        keys = HistoryKeys(namespace, self._prefix)
        after = keys.record(last.created, last.name) if last else None
        found = self._lists.get((namespace, after, limit))
        if found is None:
            listed = await self._objects.list_after(keys.records, after, limit=limit)
            records = [
                ListedRecord(key, name) for key in listed if (name := keys.parse_record(key))
            ]
            found = RecordList(records, len(records) > 0 and len(listed) == limit)
            self._lists[namespace, after, limit] = found
        return found

    async def read(self, namespace: str, keys: Sequence[str]) -> list[RequestRecord | None]:
        """Return the records at these keys.

        In place of a record that is gone, or that this release cannot read, there is ``None``.

        Raises StoreUnavailable.
        """
        gate = asyncio.Semaphore(READS_AT_ONCE)

        async def read(key: str) -> RequestRecord | None:
            async with gate:
                try:
                    return await self._record(namespace, key)
                except ResultUnreadable as error:
                    _log.warning("a record is left out of lists: %s", error)
                    return None

        return list(await asyncio.gather(*(read(key) for key in keys)))

    async def _pointed_to(self, keys: HistoryKeys, pointer: str) -> RequestRecord | None:
        try:
            content = await self._objects.read(pointer)
        except ResultMissing:
            return None
        try:
            key = RecordPointer.model_validate_json(content).key
        except ValidationError as error:
            raise ResultUnreadable(pointer) from error
        return await self._record(keys.namespace, key) if keys.parse_record(key) else None

    async def _record(self, namespace: str, key: str) -> RequestRecord | None:
        """Return a record of this namespace whose data is meant to stay; otherwise ``None``."""
        found = self._complete.get(key)
        if found is None:
            try:
                found = RequestRecord.model_validate_json(await self._objects.read(key))
            except ResultMissing:
                return None
            except ValidationError as error:
                raise ResultUnreadable(key) from error
            if found.end is not None:
                self._complete[key] = found
        stays = found.deletion_policy is DeletionPolicy.RETAIN
        return found if stays and found.namespace == namespace else None
