"""Keeps Kopf watching the namespaces that can be read.

When a watched namespace is deleted, its Role is deleted too, and Kopf ends at the first forbidden
watch. Kopf is then started again for the remaining namespaces, and once more when the namespace
exists again.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from imagebatch_core.names import API_VERSION, PLURAL

from .client import Forbidden, Kube, KubeError, NotFound, jobs_path
from .resync import Resync
from .watches import Watches

#: Seconds between two attempts to read a namespace that could not be read.
LOOK_AGAIN: Final = 30.0
_FIRST_BACKOFF: Final = 1.0
_LONGEST_BACKOFF: Final = 30.0
_log = logging.getLogger(__name__)


class Scopes:
    """The namespaces of the settings, or ``None``, which stands for all namespaces."""

    def __init__(
        self,
        kube: Kube,
        resync: Resync,
        namespaces: tuple[str, ...],
        *,
        look_again: float = LOOK_AGAIN,
        first_backoff: float = _FIRST_BACKOFF,
    ) -> None:
        self._look_again = look_again
        self._first_backoff = first_backoff
        self._kube = kube
        self._resync = resync
        self._all: tuple[str | None, ...] = namespaces or (None,)
        self._readable: list[str | None] = []

    def readable(self) -> list[str | None]:
        return list(self._readable)

    async def begin(self) -> None:
        """Fill the cache. Call it before the first reconcile, so that Jobs that run are known and
        not created again.

        Raises:
            KubeError: no namespace can be read.
        """
        error = await self._look()
        if error is not None and not self._readable:
            raise error

    async def keep_watching(self, watches: Watches) -> None:
        """Run Kopf until cancelled, and start it again when it ends or the namespaces change.

        Raises:
            MustRestart: Kopf does not stop.
        """
        backoff = self._first_backoff
        try:
            while True:
                began = asyncio.get_running_loop().time()
                ended = await self._watch_until_changed(watches)
                await watches.stop()
                if ended and asyncio.get_running_loop().time() - began > self._look_again:
                    backoff = self._first_backoff
                if ended:
                    await asyncio.sleep(backoff)
                    backoff = min(2 * backoff, _LONGEST_BACKOFF)
                try:
                    await self._look()
                except KubeError as error:
                    _log.warning("the namespaces were not looked at: %s", error)
        finally:
            watches.ask_to_stop()

    async def _watch_until_changed(self, watches: Watches) -> bool:
        """Run Kopf until it ends, or until other namespaces can be read.

        Returns True if Kopf ended by itself, False if the namespaces changed.
        """
        watched = self.readable()
        if not watched:
            await asyncio.sleep(self._look_again)
            return False
        ended = watches.start(tuple(scope for scope in watched if scope is not None))
        self._resync.soon()
        while True:
            await asyncio.wait({ended}, timeout=self._look_again)
            if ended.done():
                _log.error("Kopf has ended and is started again: %s", ended.exception())
                return True
            # Kopf itself notices a refusal only when it opens the watch again, after minutes.
            if self._resync.refused & set(watched):
                return False
            if await self._any_readable(set(self._all) - set(watched)):
                return False

    async def _any_readable(self, scopes: set[str | None]) -> bool:
        for scope in scopes:
            try:
                if await self._refusal(scope) is None:
                    return True
            except KubeError as error:
                _log.warning("%s was not looked at: %s", _name(scope), error)
        return False

    async def _look(self) -> KubeError | None:
        """Find out which scopes can be read, and fill or empty the cache accordingly. Returns the
        last refusal."""
        last: KubeError | None = None
        for scope in self._all:
            refusal = await self._refusal(scope)
            if refusal is None and scope not in self._readable:
                await self._resync.fill(scope)
                self._readable.append(scope)
                _log.info("%s can be read", _name(scope))
            elif refusal is not None:
                last = refusal
                if scope in self._readable:
                    self._readable.remove(scope)
                    self._resync.forget(scope)
                _log.warning("%s is left out until it can be read: %s", _name(scope), refusal)
        return last

    async def _refusal(self, scope: str | None) -> KubeError | None:
        in_scope = f"/namespaces/{scope}" if scope else ""
        try:
            await self._kube.get(f"/apis/{API_VERSION}{in_scope}/{PLURAL}", limit="1")
            await self._kube.get(jobs_path(scope), limit="1")
        except (Forbidden, NotFound) as error:
            return error
        return None


def _name(scope: str | None) -> str:
    return f"namespace {scope}" if scope else "the cluster"
