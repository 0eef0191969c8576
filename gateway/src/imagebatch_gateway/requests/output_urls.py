"""Reads the output URLs of a batch from ``report.jsonl``, page by page.

A cursor contains the byte offset of a line, so that paging needs no index, and part of the report's
hash, so that the cursor of another report is refused.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final

import anyio.to_thread
from cachetools import LRUCache

from imagebatch_core.keys import BatchKeys
from imagebatch_core.results import WITH_OUTPUT
from imagebatch_core.status import Report
from imagebatch_gateway import metrics
from imagebatch_gateway.backends.errors import CursorRefused
from imagebatch_gateway.backends.objects import Objects

PAGE: Final = 1000
#: Most bytes read for one page. If most images failed, a page ends at this limit with fewer URLs
#: and a cursor.
SCAN_LIMIT: Final = 32 * 1024 * 1024
#: Number of first pages in the cache, of at most 1,000 URLs each.
FIRST_PAGES_CACHED: Final = 100

_CURSOR: Final = re.compile(r"([0-9a-f]{1,14})-([0-9a-f]{12})")


@dataclass(frozen=True, slots=True)
class UrlPage:
    """At most :data:`PAGE` URLs in input order. ``cursor`` is set when more may follow."""

    urls: tuple[str, ...] = ()
    cursor: str | None = None


class OutputUrls:
    """Reads pages of output URLs. It caches first pages, so that polling the status of a request
    that has ended causes no request to the store.
    """

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._first: LRUCache[tuple[str, str], UrlPage] = LRUCache(FIRST_PAGES_CACHED)

    async def page(self, keys: BatchKeys, report: Report, cursor: str | None) -> UrlPage:
        """Return the page that begins at ``cursor``, or the first one.

        Raises CursorRefused, ResultMissing, StoreUnavailable.
        """
        if cursor is not None:
            return await _read_page(self._objects, keys, report, cursor)
        page = self._first.get((keys.root, report.sha256))
        metrics.looked_up("first_pages", hit=page is not None)
        if page is None:
            page = await _read_page(self._objects, keys, report, None)
            self._first[keys.root, report.sha256] = page
        return page


def unread_page(report: Report) -> UrlPage:
    """Return a page without URLs for when the store does not respond. Its cursor leads to the first
    page."""
    return UrlPage(cursor=_cursor(0, report))


async def _read_page(
    objects: Objects, keys: BatchKeys, report: Report, cursor: str | None
) -> UrlPage:
    start = _offset(cursor, report)
    size = await objects.size(keys.report_jsonl)
    if start and start >= size:
        raise CursorRefused("the cursor points nowhere")
    scan = _Scan(start)
    # The byte before the offset is read as well: if it is not a line end, the cursor is forged.
    at = max(0, start - 1)
    while at < size:
        content = await objects.read_piece(keys.report_jsonl, at)
        at += len(content)
        if at - len(content) < start:
            if content[:1] != b"\n":
                raise CursorRefused("the cursor points nowhere")
            content = content[1:]
        await anyio.to_thread.run_sync(scan.feed, content, at >= size)
        if scan.more_at is not None:
            return UrlPage(tuple(scan.urls), _cursor(scan.more_at, report))
        if size > at >= start + SCAN_LIMIT:
            return UrlPage(tuple(scan.urls), _cursor(scan.line_at, report))
    return UrlPage(tuple(scan.urls))


class _Scan:
    """Collects the URLs of one page.

    ``more_at`` is the offset of the first line that no longer fits on the page, ``line_at`` the
    offset of the line to be read next.
    """

    def __init__(self, start: int) -> None:
        self.urls: list[str] = []
        self.more_at: int | None = None
        self.line_at = start
        self._rest = b""

    def feed(self, content: bytes, last: bool) -> None:
        lines = (self._rest + content).split(b"\n")
        self._rest = lines.pop()
        if last and self._rest:
            lines.append(self._rest)
        for line in lines:
            url = _output_url(line)
            if url is not None:
                if len(self.urls) == PAGE:
                    self.more_at = self.line_at
                    return
                self.urls.append(url)
            self.line_at += len(line) + 1


def _output_url(line: bytes) -> str | None:
    if not line:
        return None
    result = json.loads(line)
    url = result.get("output_url")
    return url if url and result["status"] in WITH_OUTPUT else None


def _cursor(offset: int, report: Report) -> str:
    return f"{offset:x}-{report.sha256[:12]}"


def _offset(cursor: str | None, report: Report) -> int:
    if cursor is None:
        return 0
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise CursorRefused("the cursor is not one of this API")
    if match[2] != report.sha256[:12]:
        raise CursorRefused("the cursor belongs to another report; start without one")
    return int(match[1], 16)
