"""Lists requests newest first: those that exist as resources, and those that the history knows."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from imagebatch_core.history_keys import RecordName
from imagebatch_gateway.answers.models import RequestStatus
from imagebatch_gateway.backends.errors import CursorRefused, StoreUnavailable

from .expired import expired_batch
from .history import Entry, History
from .list_progress import with_progress
from .progress import ProgressReader
from .records import LISTED, ListedRecord, RecordList, Records

#: Most records that are read for one page. If few of them match, the page ends there, with fewer
#: requests and a cursor.
SCAN_RECORDS: Final = 500
#: Records that are read at once.
_AHEAD: Final = 100

_AWAY: Final = "The object store does not answer: requests whose resource is gone are missing."


@dataclass(frozen=True, slots=True)
class RequestPage:
    """``note`` says what is missing; ``cursor`` leads to the next page."""

    entries: Sequence[Entry]
    cursor: str | None
    note: str | None = None


class RequestLists:
    """Lists the requests of one namespace."""

    def __init__(
        self, history: History, records: Records, progress: ProgressReader, namespace: str
    ) -> None:
        self._history = history
        self._records = records
        self._progress = progress
        self._namespace = namespace

    async def page(
        self, status: RequestStatus | None, text: str | None, cursor: str | None, limit: int
    ) -> RequestPage:
        """Return at most ``limit`` requests.

        With ``status`` only requests of this status, with ``text`` only those that have it in a
        name. ``cursor`` is that of the page before. Images of running requests are counted.

        Raises CursorRefused, ClusterRefused, ClusterUnavailable.
        """
        page = await self._found(status, text, cursor, limit)
        counted = await with_progress(page.entries, self._progress, self._namespace)
        return replace(page, entries=counted)

    async def _found(
        self, status: RequestStatus | None, text: str | None, cursor: str | None, limit: int
    ) -> RequestPage:
        last = _last(cursor)
        living = await self._history.after(last)
        wanted = text.lower() if text else None
        page = _Page(status, wanted, limit)
        note = None
        position = 0
        try:
            async for listed in self._listed(last, limit):
                gone = [one for one in listed.records if not self._history.has(one.name.name)]
                for at in range(0, len(gone), _AHEAD):
                    group = gone[at : at + _AHEAD]
                    # The records are read only if the page has room for them.
                    newer = _until(living, position, _order(group[0]))
                    if page.add_all(living[position:newer]):
                        return page.made()
                    position = newer
                    for entry in await self._read(group):
                        while position < len(living) and living[position].order < entry.order:
                            if page.add(living[position]):
                                return page.made()
                            position += 1
                        if page.add(entry):
                            return page.made()
                    if page.read > SCAN_RECORDS:
                        return page.made(group[-1].name)
                if listed.more:
                    # No record that is not listed yet belongs before these.
                    newer = _until(living, position, _order(listed.records[-1]))
                    if page.add_all(living[position:newer]):
                        return page.made()
                    position = newer
        except StoreUnavailable:
            note = _AWAY
        page.add_all(living[position:])
        return page.made(note=note)

    async def _listed(self, last: RecordName | None, limit: int) -> AsyncIterator[RecordList]:
        """Yield the records after ``last``, newest first, some at once: for a page of ``limit``
        requests most often the first ones are enough."""
        count = min(2 * limit, LISTED)
        while True:
            listed = await self._records.after(self._namespace, last, count)
            yield listed
            if not listed.more:
                return
            last, count = listed.records[-1].name, LISTED

    async def _read(self, listed: Sequence[ListedRecord]) -> list[Entry]:
        found = await self._records.read(self._namespace, [one.key for one in listed])
        return [Entry.of(expired_batch(record)) for record in found if record is not None]


class _Page:
    """Collects the matching requests of one page; ``read`` counts all that were looked at."""

    def __init__(self, status: RequestStatus | None, text: str | None, limit: int) -> None:
        self._status = status
        self._text = text
        self._limit = limit
        self._found: list[Entry] = []
        self._full = False
        self.read = 0

    def add(self, entry: Entry) -> bool:
        """Add a request if it matches; return whether the page was full already."""
        self.read += entry.expired
        if self._status is not None and entry.status is not self._status:
            return False
        if self._text is not None and not entry.holds(self._text):
            return False
        if len(self._found) == self._limit:
            self._full = True
            return True
        self._found.append(entry)
        return False

    def add_all(self, entries: Sequence[Entry]) -> bool:
        """Add requests as :meth:`add`, until the page is full."""
        return any(self.add(entry) for entry in entries)

    def made(self, last: RecordName | None = None, note: str | None = None) -> RequestPage:
        """Return the page; the next one begins after ``last``, if given."""
        if self._full:
            entry = self._found[-1]
            last = RecordName(int(entry.created_at.timestamp()), entry.request_id)
        return RequestPage(self._found, f"{last.created}~{last.name}" if last else None, note)


def _until(living: Sequence[Entry], position: int, order: tuple[float, str]) -> int:
    """Return the position of the first of ``living`` from ``position`` on that is not before
    ``order``."""
    return bisect_left(living, order, lo=position, key=lambda entry: entry.order)


def _order(listed: ListedRecord) -> tuple[float, str]:
    """Return the sort key of a record, which is that of its entry."""
    return -float(listed.name.created), listed.name.name


def _last(cursor: str | None) -> RecordName | None:
    if cursor is None:
        return None
    seconds, _, name = cursor.partition("~")
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) <= 10 and name):
        raise CursorRefused("the cursor is not one of this API")
    return RecordName(int(seconds), name)
