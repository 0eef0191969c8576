"""Lists all batches and Jobs periodically, independently of the watches.

A list corrects the cache where an event was missed, and shows when a watch has become silent.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

from imagebatch_core.names import LABEL_BATCH_UID, PLURAL

from .cache import Cache, Listing
from .client import Forbidden, Kube, KubeError, NotFound
from .health import Unhealthy
from .progress import Behind, Watch, WatchProgress
from .scope import Scope
from .served_schema import ServedSchema
from .watches import JOBS, PAGE
from .work_queue import WorkQueue

#: Seconds between two checks of a watch that is behind a list, and the number of checks after which
#: it counts as silent.
LOOK_SECONDS: Final = 10.0
LOOKS: Final = 6
#: Seconds from the start of the watches to the next list. That list finds objects that were deleted
#: before the watches began, for which there is no event.
SETTLE_SECONDS: Final = 15.0
#: Number of consecutive failed resyncs after which the process counts as unhealthy.
_MISSED: Final = 3
_log = logging.getLogger(__name__)


class Resync:
    """Runs the lists, and reports for ``/healthz`` whether they succeed and the watches work."""

    def __init__(
        self,
        kube: Kube,
        cache: Cache,
        queue: WorkQueue,
        progress: WatchProgress,
        schema: ServedSchema,
        *,
        every: float,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._kube = kube
        self._cache = cache
        self._queue = queue
        self._progress = progress
        self._schema = schema
        self._every = every
        self._monotonic = monotonic
        self._sleep = sleep
        self._last = monotonic()
        self._silent: list[Behind] = []
        #: What could not be listed the last time, though it could be before.
        self.refused: frozenset[Scope] = frozenset()
        self._wanted = asyncio.Event()

    def report(self) -> str:
        """Return the age of the last list as text.

        Raises:
            Unhealthy: a watch is silent, or no list has succeeded for long.
        """
        self._silent = self._progress.silent(self._silent)
        if self._silent:
            watches = ", ".join(_name(one.watch) for one in self._silent)
            raise Unhealthy(f"silent watch: {watches} changed without an event")
        age = self._monotonic() - self._last
        if age > _MISSED * self._every:
            raise Unhealthy(f"no resync for {age:.0f} s")
        return f"leads; resynced {age:.0f} s ago"

    def soon(self) -> None:
        """Request a list after :data:`SETTLE_SECONDS`; called when the watches start."""
        self._wanted.set()

    async def run(self, scopes: Callable[[], list[Scope]]) -> None:
        """Resync until cancelled. ``scopes`` returns what can be read now.

        Raises:
            ConfigurationRefused: the CRD became older than this operator.
            VersionsWentBack: the cluster was restored from a backup.
        """
        while True:
            try:
                async with asyncio.timeout(self._every):
                    await self._wanted.wait()
                self._wanted.clear()
                await self._sleep(SETTLE_SECONDS)
            except TimeoutError:
                pass
            try:
                await self._schema.check()
                await self.once(scopes())
            except KubeError as error:
                _log.warning("resync failed: %s", error)

    async def once(self, scopes: list[Scope]) -> None:
        """List everything, enqueue every batch, then check that the watches report it, too."""
        listed: dict[Watch, int] = {}
        refused: set[Scope] = set()
        for scope in scopes:
            try:
                listed |= await self.fill(scope)
            except (Forbidden, NotFound) as error:
                refused.add(scope)
                _log.warning("resync of %s failed: %s", scope, error)
        self.refused = frozenset(refused)
        for key in self._cache.keys_now():
            self._queue.add(key)
        self._last = self._monotonic()
        noticed = self._progress.behind(listed)
        for _ in range(LOOKS):
            if not noticed:
                return
            await self._sleep(LOOK_SECONDS)
            noticed = self._progress.silent(noticed)
        for one in noticed:
            _log.error("the watch of %s is silent: no event came for a change", _name(one.watch))
        self._silent = noticed

    async def fill(self, scope: Scope) -> dict[Watch, int]:
        """Take a full list into the cache. Returns the highest version among each kind's objects.

        Raises:
            KubeError: the list is not complete; nothing is removed from the cache.
            VersionsWentBack: the cluster was restored from a backup.
        """
        listing, newest = self._listing(scope), dict.fromkeys(scope.kinds, 0)
        if PLURAL in newest:
            async for body in self._list(scope.path(PLURAL)):
                newest[PLURAL] = max(newest[PLURAL], int(body["metadata"]["resourceVersion"]))
                listing.take_batch(body)
        if JOBS in newest:
            async for body in self._list(scope.path(JOBS), labelSelector=LABEL_BATCH_UID):
                newest[JOBS] = max(newest[JOBS], int(body["metadata"]["resourceVersion"]))
                listing.take_job(body)
        for key in listing.end():
            self._queue.add(key)
        return {(kind, scope.namespace): version for kind, version in newest.items()}

    def forget(self, scope: Scope) -> None:
        """Remove from the cache everything of a namespace that can no longer be read."""
        for key in self._listing(scope).end():
            self._queue.add(key)

    def _listing(self, scope: Scope) -> Listing:
        has = {"batches": PLURAL in scope.kinds, "jobs": JOBS in scope.kinds}
        return Listing(self._cache, scope.namespace, **has)

    async def _list(self, path: str, **query: str) -> AsyncIterator[dict[str, Any]]:
        token = ""
        while True:
            more = {"continue": token} if token else {}
            page = await self._kube.get(path, limit=str(PAGE), **query, **more)
            for body in page.get("items") or []:
                yield body
            token = page.get("metadata", {}).get("continue") or ""
            if not token:
                return


def _name(watch: Watch) -> str:
    kind, namespace = watch
    return f"{kind} in {namespace}" if namespace else kind
