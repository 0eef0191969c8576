"""Keeps Kopf watching what can be read.

With a list of namespaces, batches and Jobs are watched in each of them. Otherwise batches are
watched in the whole cluster, and Jobs only in the namespaces that have batches and let the operator
read their Jobs: there it has a Role.

When a watched namespace is deleted, its Role is deleted too, and Kopf ends at the first forbidden
watch. Kopf is then started again for the remaining namespaces, and once more when the namespace
exists again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final

from imagebatch_core.names import PLURAL

from .cache import Cache
from .client import Forbidden, Kube, KubeError, NotFound
from .resync import Resync
from .scope import Scope
from .watches import BOTH, JOBS, Watches

#: Seconds between two attempts to read a namespace that could not be read.
LOOK_AGAIN: Final = 30.0
#: Seconds between two looks at whether a namespace has its first batch.
_NEW_NAMESPACE: Final = 0.5
_FIRST_BACKOFF: Final = 1.0
_LONGEST_BACKOFF: Final = 30.0
_log = logging.getLogger(__name__)


class Scopes:
    """The scopes that one run of Kopf watches: some kinds, in all readable candidate namespaces.

    ``candidates`` returns the namespaces, or ``None`` for the whole cluster. A namespace that it no
    longer returns is watched on.
    """

    def __init__(
        self,
        kube: Kube,
        resync: Resync,
        candidates: Callable[[], Iterable[str | None]],
        kinds: tuple[str, ...] = BOTH,
        *,
        look_again: float = LOOK_AGAIN,
        first_backoff: float = _FIRST_BACKOFF,
    ) -> None:
        self._look_again = look_again
        self._first_backoff = first_backoff
        self._kube = kube
        self._resync = resync
        self._candidates = candidates
        self.kinds = kinds
        self._readable: list[Scope] = []
        self._looked_at: set[Scope] = set()

    def readable(self) -> list[Scope]:
        return list(self._readable)

    async def begin(self) -> None:
        """Fill the cache. Call it before the first reconcile, so that Jobs that run are known and
        not created again.

        Raises:
            KubeError: there are candidates, and none can be read.
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
            await self._pause(asyncio.get_running_loop().create_future())
            return False
        ended = watches.start(tuple(scope.namespace for scope in watched if scope.namespace))
        self._resync.soon()
        while True:
            await self._pause(ended)
            if ended.done():
                _log.error("Kopf has ended and is started again: %s", ended.exception())
                return True
            # Kopf itself notices a refusal only when it opens the watch again, after minutes.
            if self._resync.refused & set(watched):
                return False
            if await self._any_readable(self._wanted() - set(watched)):
                return False

    async def _pause(self, ended: asyncio.Future[None]) -> None:
        """Wait until Kopf has ended, a new namespace exists, or the time for the next check has
        come."""
        end = asyncio.get_running_loop().time() + self._look_again
        while (left := end - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait({ended}, timeout=min(left, _NEW_NAMESPACE))
            if ended.done() or self._wanted() - self._looked_at:
                return

    def _wanted(self) -> set[Scope]:
        return {Scope(namespace, self.kinds) for namespace in self._candidates()}

    async def _any_readable(self, scopes: set[Scope]) -> bool:
        for scope in scopes:
            self._looked_at.add(scope)
            try:
                if await self._refusal(scope) is None:
                    return True
            except KubeError as error:
                _log.warning("%s was not looked at: %s", scope, error)
        return False

    async def _look(self) -> KubeError | None:
        """Find out which scopes can be read, and fill or empty the cache accordingly. Return the
        last refusal."""
        last: KubeError | None = None
        wanted = [Scope(namespace, self.kinds) for namespace in self._candidates()]
        for scope in dict.fromkeys([*wanted, *self._readable]):
            self._looked_at.add(scope)
            refusal = await self._refusal(scope)
            if refusal is None and scope not in self._readable:
                await self._resync.fill(scope)
                self._readable.append(scope)
                _log.info("%s can be read", scope)
            elif refusal is not None:
                last = refusal
                if scope in self._readable:
                    self._readable.remove(scope)
                    self._resync.forget(scope)
                _log.warning("%s is left out until it can be read: %s", scope, refusal)
        return last

    async def _refusal(self, scope: Scope) -> KubeError | None:
        try:
            for kind in self.kinds:
                await self._kube.get(scope.path(kind), limit="1")
        except (Forbidden, NotFound) as error:
            return error
        return None


async def open_scopes(
    kube: Kube,
    resync: Resync,
    cache: Cache,
    namespaces: tuple[str, ...],
    home: str | None = None,
) -> list[Scopes]:
    """Return what is to be watched, with the cache filled: the namespaces of the settings, or, when
    there are none, the whole cluster.

    Jobs of ``home`` are watched from the start, so that its first batch does not wait for that.

    Raises:
        KubeError: nothing can be read.
    """
    if namespaces:
        listed = Scopes(kube, resync, lambda: namespaces)
        await listed.begin()
        return [listed]
    batches = Scopes(kube, resync, lambda: [None], (PLURAL,))
    always = {home} if home is not None else set()
    jobs = Scopes(kube, resync, lambda: cache.namespaces() | always, (JOBS,))
    await batches.begin()
    try:
        await jobs.begin()
    except (Forbidden, NotFound) as error:
        _log.warning("no namespace lets the operator work: %s", error)
    return [batches, jobs]


def namespaced_kinds(namespaces: tuple[str, ...]) -> tuple[str, ...]:
    """Return the kinds that :func:`open_scopes` watches in one namespace after the other."""
    return BOTH if namespaces else (JOBS,)
