"""Fetch images from S3 by signed requests.

obstore signs the requests and the runner's HTTP client sends them, so an object has the same
limits, timeouts, retries and error codes as an image of any host. The address guard allows any
address only for the configured endpoint; a bucket entry's own endpoint is guarded like any other
host.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote

import aiohttp
import obstore
import yarl
from obstore.exceptions import BaseError
from obstore.store import S3Store

from imagebatch_core.egress_rules import EgressRules
from imagebatch_core.results import ErrorCode
from imagebatch_core.store import endpoint_of, open_store, region_of
from imagebatch_runner.failures import ImageFailed
from imagebatch_runner.settings import Settings

from . import web
from .credentials import BucketEntry
from .s3_sources import S3Sources
from .s3_urls import S3Object

#: How long a signature is valid: longer than a request may wait for its turn.
_SIGNED_FOR: Final = timedelta(hours=1)
_ANYWHERE: Final = EgressRules.parse("0.0.0.0/0,::/0")


class S3Images:
    """The S3 sessions and stores of one shard; opened when first needed, closed with the block."""

    def __init__(self, sources: S3Sources, settings: Settings) -> None:
        self._sources = sources
        self._settings = settings
        self._stores: dict[str, S3Store] = {}
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> S3Images:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def host_of(self, url: str) -> str | None:
        """Return the name under which requests for ``url`` are limited: its endpoint, or the bucket
        for AWS; ``None`` if the object may not be read. No connection is made to this name."""
        try:
            bucket = self._sources.object(url).bucket
        except ImageFailed:
            return None
        return endpoint_of(self._sources.bucket_env(self._sources.entry(bucket))) or bucket

    @asynccontextmanager
    async def opened(self, url: str, **options: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        """Open the object with :func:`web.opened` and its ``options``, without following redirects.

        Raises:
            ImageFailed: the URL is refused, or the store's response is not the object.
        """
        named = self._sources.object(url)
        entry = self._sources.entry(named.bucket)
        target = await self._signed(named, entry)
        session = self._session(guarded=entry.endpoint is not None)
        try:
            async with web.opened(session, target, redirects=0, **options) as response:
                yield response
        except ImageFailed as failure:
            if failure.code in (ErrorCode.TOO_MANY_REDIRECTS, ErrorCode.INVALID_URL):
                raise ImageFailed(
                    ErrorCode.HTTP_STATUS,
                    f"the endpoint sends elsewhere: is bucket {named.bucket} in another region?",
                ) from None
            raise

    async def _signed(self, named: S3Object, entry: BucketEntry) -> yarl.URL:
        env = self._sources.bucket_env(entry)
        if entry.anonymous:
            base = endpoint_of(env) or f"https://s3.{region_of(env)}.amazonaws.com"
            path = f"{named.bucket}/{quote(named.key)}"
            return yarl.URL(f"{base.rstrip('/')}/{path}", encoded=True)
        store = self._stores.get(named.bucket)
        if store is None:
            opened = open_store(f"s3://{named.bucket}", env)
            assert isinstance(opened, S3Store)  # noqa: S101 - the URL says so
            store = self._stores[named.bucket] = opened
        try:
            async with asyncio.timeout(self._settings.fetch_total_seconds):
                signed = await obstore.sign_async(store, "GET", named.key, _SIGNED_FOR)
        except BaseError as error:
            raise ImageFailed(
                ErrorCode.CONNECT_FAILED, f"there are no keys to read bucket {named.bucket} with"
            ) from error
        return yarl.URL(signed, encoded=True)

    def _session(self, *, guarded: bool) -> aiohttp.ClientSession:
        session = self._sessions.get(guarded)
        if session is None:
            rules = self._settings.egress_rules if guarded else _ANYWHERE
            session = self._sessions[guarded] = web.open_session(self._settings, rules=rules)
            self._stack.push_async_callback(session.close)
        return session
