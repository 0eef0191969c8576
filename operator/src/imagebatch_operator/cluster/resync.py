"""The independent look: a full list now and then, against what the watches have told.

It heals missed deletions, and it notices a watch that went silent: an object whose newest version
the cache does not know some seconds after it was listed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, Final

from imagebatch_core.names import API_VERSION, LABEL_BATCH_UID, PLURAL
from imagebatch_operator.settings import Settings

from .cache import Cache
from .client import Kube, KubeError, jobs_path
from .work_queue import WorkQueue

_log = logging.getLogger(__name__)
_PAGE: Final = "500"
_WATCH_LAG_SECONDS: Final = 10.0


class WatchSilent(Exception):
    """The watch no longer tells what a list shows: only a new process helps."""


class Resync:
    """``probe`` is the liveness: it raises once resync fails for long or a watch is silent."""

    def __init__(
        self,
        kube: Kube,
        cache: Cache,
        queue: WorkQueue,
        settings: Settings,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kube = kube
        self._cache = cache
        self._queue = queue
        self._settings = settings
        self._monotonic = monotonic
        self._last = monotonic()
        self._silent = 0

    def probe(self) -> str:
        age = self._monotonic() - self._last
        if self._silent:
            raise WatchSilent(f"{self._silent} objects changed without an event")
        if age > 3 * self._settings.resync_seconds:
            raise WatchSilent(f"no resync for {age:.0f} s")
        return f"resynced {age:.0f} s ago"

    async def fill(self) -> None:
        """Once, before the first reconcile, so that no running Job looks missing."""
        before = self._cache.known()
        batches, jobs = await self._list()
        self._cache.replace(batches, jobs, before)
        self._last = self._monotonic()

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self._settings.resync_seconds)
            try:
                await self.once()
            except KubeError as error:
                _log.warning("resync failed: %s", error)

    async def once(self) -> None:
        before = self._cache.known()
        batches, jobs = await self._list()
        await asyncio.sleep(_WATCH_LAG_SECONDS)
        behind = [
            body
            for body in batches
            if int(body["metadata"]["resourceVersion"])
            > self._cache.version((body["metadata"]["namespace"], body["metadata"]["name"]))
        ]
        # Deleted within those seconds is not silence: ask again only for what seems unknown.
        self._silent = len(behind) if behind and await self._still_there(behind) else 0
        if self._silent:
            _log.error("the watch is silent: %d objects changed without an event", self._silent)
        self._cache.replace(batches, jobs, before)
        for key in self._cache.keys_now():
            self._queue.add(key)
        self._last = self._monotonic()

    async def _still_there(self, bodies: list[dict[str, Any]]) -> bool:
        uids = {body["metadata"]["uid"] for body in bodies}
        batches, _ = await self._list()
        return any(body["metadata"]["uid"] in uids for body in batches)

    async def _list(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        batches: list[dict[str, Any]] = []
        jobs: list[dict[str, Any]] = []
        for namespace in self._settings.namespaces or (None,):
            scope = f"/namespaces/{namespace}" if namespace else ""
            batches += await self._pages(f"/apis/{API_VERSION}{scope}/{PLURAL}")
            jobs += await self._pages(jobs_path(namespace), labelSelector=LABEL_BATCH_UID)
        return batches, jobs

    async def _pages(self, path: str, **query: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        token = ""
        while True:
            page = await self._kube.get(
                path, limit=_PAGE, **query, **({"continue": token} if token else {})
            )
            items += page.get("items") or []
            token = page.get("metadata", {}).get("continue") or ""
            if not token:
                return items
