"""Keeps a summary of each request of the namespace in memory, and lists them newest first.

The API server can list by name only. So the first call reads the whole list from it, page by page;
then a watch keeps the copy current, and later calls need no request to the API server.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from imagebatch_core import names
from imagebatch_core.errors import ImageBatchError
from imagebatch_core.history_keys import RecordName
from imagebatch_core.reasons import Phase
from imagebatch_core.resource import BatchRecord
from imagebatch_core.status import Bytes, Images
from imagebatch_gateway.answers.models import RequestStatus
from imagebatch_gateway.backends.batches import Batches
from imagebatch_gateway.backends.errors import (
    ClusterUnavailable,
    GatewayError,
    ListExpired,
)

from .expired import ExpiredBatch

_log: Final = logging.getLogger(__name__)

#: Seconds that the first caller waits for the list, and for which the copy is still served while
#: the watch fails.
WAIT_SECONDS: Final = 15.0
STALE_SECONDS: Final = 30.0
#: Seconds between two attempts while the API server does not respond.
RETRY_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Entry:
    """Summary of one request for a list.

    ``version`` is the resource version of its batch; ``expired`` says that the batch is gone.
    ``storage`` is the root of its data, if it has any yet.
    """

    request_id: str
    name: str | None
    file_name: str | None
    created_by: str | None
    status: RequestStatus
    products: int | None
    images: Images
    bytes: Bytes | None
    saved: str | None
    created_at: datetime
    completed_at: datetime | None
    version: str
    expired: bool = False
    storage: str | None = None

    @classmethod
    def of(cls, batch: BatchRecord) -> Entry:
        status = batch.status
        return cls(
            request_id=batch.name,
            name=batch.annotations.get(names.ANNOTATION_DISPLAY_NAME),
            file_name=batch.annotations.get(names.ANNOTATION_FILE_NAME),
            created_by=batch.annotations.get(names.ANNOTATION_CREATED_BY),
            status=RequestStatus((status.phase or Phase.PENDING).value.lower()),
            products=status.products,
            images=status.images or Images(),
            bytes=status.bytes,
            saved=status.saved,
            created_at=batch.creation_timestamp,
            completed_at=status.completion_time,
            version=batch.resource_version,
            expired=isinstance(batch, ExpiredBatch),
            storage=status.storage,
        )

    @property
    def order(self) -> tuple[float, str]:
        """Return the sort key: newest first, then by name."""
        return -self.created_at.timestamp(), self.request_id

    def holds(self, text: str) -> bool:
        """Return whether the requestId, name or file name contains ``text``, given in lower
        case."""
        return any(
            text in value.lower() for value in (self.request_id, self.name, self.file_name) if value
        )


class History:
    """Lists requests. ``clock`` returns monotonic seconds. :meth:`close` ends the watch."""

    def __init__(self, batches: Batches, clock: Callable[[], float]) -> None:
        self._batches = batches
        self._clock = clock
        self._entries: dict[str, Entry] = {}
        #: The same entries, newest first.
        self._sorted: list[Entry] = []
        self._task: asyncio.Task[None] | None = None
        self._listed = asyncio.Event()
        self._current_at = 0.0
        self._error: GatewayError | None = None

    async def after(self, last: RecordName | None) -> list[Entry]:
        """Return the requests after ``last``, newest first; without it, all.

        Raises ClusterRefused, ClusterUnavailable.
        """
        await self._current()
        if last is None:
            return self._sorted[:]
        order = (-float(last.created), last.name)
        return self._sorted[bisect_right(self._sorted, order, key=_order) :]

    def has(self, name: str) -> bool:
        """Return whether there is a batch of this name, as far as the list is current."""
        return name in self._entries

    def put(self, batch: BatchRecord) -> None:
        """Add or replace a request that this gateway has just made or changed. Without this the
        lists would show it only after the watch has reported it."""
        if self._listed.is_set():
            self._put(Entry.of(batch))

    def remove(self, name: str) -> None:
        entry = self._entries.pop(name, None)
        if entry is not None:
            del self._sorted[bisect_left(self._sorted, entry.order, key=_order)]

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _current(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._follow())
        waited = asyncio.create_task(self._listed.wait())
        done, _ = await asyncio.wait(
            {waited, self._task}, timeout=WAIT_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        waited.cancel()
        stale = self._error is not None and self._clock() - self._current_at > STALE_SECONDS
        if not self._listed.is_set() or stale:
            if self._task in done:
                self._task.result()
            raise self._error or ClusterUnavailable(
                "the Kubernetes API server did not answer", undecided=False
            )

    async def _follow(self) -> None:
        """List all batches, then watch them. List again when the watch cannot be continued."""
        version: str | None = None
        while True:
            try:
                if version is None:
                    version = await self._list()
                async for change in self._batches.changes(version):
                    version = change.version
                    self._take(change.object, deleted=change.deleted)
                    self._is_current()
                self._is_current()
            except ListExpired:
                version = None
            except GatewayError as error:
                if self._error is None:
                    _log.warning("the list of requests cannot be read; retrying: %s", error)
                self._error = error
                if not self._listed.is_set():
                    return
                await asyncio.sleep(RETRY_SECONDS)

    async def _list(self) -> str:
        found: dict[str, Entry] = {}
        after, version = None, ""
        while True:
            page = await self._batches.list_page(after)
            found |= {e.request_id: e for o in page.objects if (e := _entry(o)) is not None}
            after, version = page.after, page.version
            if after is None:
                break
        self._entries = found
        self._sorted = sorted(found.values(), key=_order)
        self._is_current()
        self._listed.set()
        return version

    def _is_current(self) -> None:
        self._error = None
        self._current_at = self._clock()

    def _take(self, changed: Mapping[str, Any] | None, *, deleted: bool) -> None:
        entry = _entry(changed) if changed is not None else None
        if entry is None:
            return
        if deleted:
            self.remove(entry.request_id)
        else:
            self._put(entry)

    def _put(self, entry: Entry) -> None:
        self.remove(entry.request_id)
        insort(self._sorted, entry, key=_order)
        self._entries[entry.request_id] = entry


def _order(entry: Entry) -> tuple[float, str]:
    return entry.order


def _entry(found: Mapping[str, Any]) -> Entry | None:
    """Return the summary of a batch; ``None`` if this release cannot read the object."""
    try:
        return Entry.of(BatchRecord.from_object(found))
    except (ValidationError, KeyError, TypeError, ImageBatchError):
        name = (found.get("metadata") or {}).get("name")
        _log.warning("an ImageBatch cannot be read and is left out of lists", extra={"name": name})
        return None
