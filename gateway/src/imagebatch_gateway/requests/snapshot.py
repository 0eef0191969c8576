"""Builds the status of a request from its resource and the object store.

If the store does not respond, the status has what the resource knows, and a note.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from imagebatch_core import names
from imagebatch_core.keys import BatchKeys
from imagebatch_core.resource import ImageBatch
from imagebatch_core.shown_url import shown_url
from imagebatch_gateway.answers.links import Links
from imagebatch_gateway.answers.models import RequestAnswer, StatusAnswer
from imagebatch_gateway.backends.errors import ResultMissing, StoreUnavailable

from .describe import describe
from .output_urls import OutputUrls, UrlPage, unread_page
from .progress import Progress, ProgressReader

#: Seconds that a status call waits for the store. A call with a cursor waits longer.
STORE_SECONDS: Final = 3.0

_AWAY: Final = "The object store does not answer: "
_NOT_COUNTED: Final = _AWAY + "images are counted as the operator knows them, in whole shards."
_NOT_LISTED: Final = _AWAY + "`next` leads to the URLs of the outputs once it does."
_GONE: Final = "The report, which has the URLs of the outputs, is no longer in the object store."


@dataclass(frozen=True, slots=True)
class Snapshots:
    """Builds the status of requests.

    ``keys_of`` returns the keys of a batch's data. ``seconds`` limits the wait for the store.
    """

    output_urls: OutputUrls
    progress: ProgressReader
    keys_of: Callable[[ImageBatch], BatchKeys]
    seconds: float = STORE_SECONDS

    async def of(self, batch: ImageBatch, links: Links, cursor: str | None = None) -> StatusAnswer:
        """Return the status of a batch, with the page of output URLs at ``cursor`` or the first
        one.

        Raises CursorRefused, and only with a cursor also ResultMissing and StoreUnavailable.
        """
        report, phase = batch.status.report, batch.status.phase
        if report is not None:
            page, note = await self._page(batch, cursor)
            return describe(batch, page, None, links, note)
        if phase is None or phase.finished:
            return describe(batch, UrlPage(), None, links)
        progress = await self._progress(batch)
        note = _NOT_COUNTED if progress is not None and progress.stale else None
        return describe(batch, UrlPage(), progress, links, note)

    async def request(self, batch: ImageBatch, links: Links) -> RequestAnswer:
        """Return the status of a request, and what it was made from."""
        answer = await self.of(batch, links)
        webhook = batch.spec.webhook
        return RequestAnswer(
            **{name: getattr(answer, name) for name in type(answer).model_fields},
            name=batch.annotations.get(names.ANNOTATION_DISPLAY_NAME),
            file_name=batch.annotations.get(names.ANNOTATION_FILE_NAME),
            created_by=batch.annotations.get(names.ANNOTATION_CREATED_BY),
            webhook_url=shown_url(webhook.url) if webhook else None,
            suspend=batch.spec.suspend,
            suspend_after=batch.spec.suspend_after,
            parallelism=batch.spec.parallelism,
            estimate=batch.status.estimate,
            priority=batch.spec.priority,
            queue_position=batch.status.queue_position,
        )

    async def _page(self, batch: ImageBatch, cursor: str | None) -> tuple[UrlPage, str | None]:
        report = batch.status.report
        assert report is not None  # noqa: S101 - asked for batches with a report alone
        if cursor is not None:
            return await self.output_urls.page(self.keys_of(batch), report, cursor), None
        try:
            async with asyncio.timeout(self.seconds):
                return await self.output_urls.page(self.keys_of(batch), report, None), None
        except (StoreUnavailable, TimeoutError):
            return unread_page(report), _NOT_LISTED
        except ResultMissing:
            return UrlPage(), _GONE

    async def _progress(self, batch: ImageBatch) -> Progress | None:
        try:
            async with asyncio.timeout(self.seconds):
                return await self.progress.read(self.keys_of(batch))
        except TimeoutError:
            return Progress(stale=True)
        except ResultMissing:
            return None
