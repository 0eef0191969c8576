"""Fetch the batch's CSV from an http(s) address."""

from __future__ import annotations

import asyncio
import logging
import random
from pathlib import Path
from typing import Final

import aiohttp

from imagebatch_core.egress import AddressRefused
from imagebatch_core.errors import InputRefused
from imagebatch_core.results import LONGEST_MESSAGE
from imagebatch_core.shown_url import shown_url
from imagebatch_runner.failures import ImageFailed, SourceUnavailable
from imagebatch_runner.fetch import web
from imagebatch_runner.fetch.network_errors import as_failure
from imagebatch_runner.fetch.pace import Pace
from imagebatch_runner.fetch.retry import RetryPolicy

from .batch import Batch
from .limited_file import LimitedFile

log = logging.getLogger(__name__)

_CHUNK: Final = 1 << 20


async def fetch(url: str, path: Path, batch: Batch) -> None:
    """Fetch the CSV from ``url`` to ``path``. Failures that may pass are retried, as for an image.

    Error messages reach the batch's status, so they show only scheme, host and path of the URL.
    """
    settings = batch.settings
    policy = RetryPolicy(
        batch.job.retries, base=settings.retry_base_seconds, longest=settings.retry_max_seconds
    )
    attempt = 0
    while True:
        attempt += 1
        try:
            return await _attempt(url, path, batch)
        except ImageFailed as failure:
            told = batch.credentials.redacted(failure.message)  # before it is cut
            text = f"{shown_url(url)}: {told[:LONGEST_MESSAGE]}"
            if not failure.code.retryable:
                raise InputRefused(text) from failure
            wait = policy.wait(failure, attempt, random.random)
            if wait is None:
                raise SourceUnavailable(text) from failure
            log.warning("%s; trying again in %.1f s", text, wait)
            await asyncio.sleep(wait)


async def _attempt(url: str, path: Path, batch: Batch) -> None:
    settings = batch.settings
    pace: Pace | None = None
    try:
        async with (
            asyncio.timeout(settings.fetch_total_seconds) as clock,
            web.open_session(settings, batch.credentials) as session,
            web.opened(session, url, redirects=settings.fetch_redirects) as response,
        ):
            pace = Pace(clock, settings)
            with LimitedFile(path, settings) as file:
                async for chunk in response.content.iter_chunked(_CHUNK):
                    pace.received(len(chunk))
                    file.write(chunk)
    except TimeoutError as error:
        raise (pace and pace.explain()) or as_failure(error) from error
    except (aiohttp.ClientError, ConnectionError, AddressRefused) as error:
        raise as_failure(error) from error
