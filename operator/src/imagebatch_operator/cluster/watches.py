"""Kopf's side: it watches, and tells each event to the event loop that reconciles.

It runs in a thread with an event loop of its own: when it ends, it cancels every task of its loop
that it did not find there (docs/adr/0012). No handler makes Kopf write anything to a resource:
`on.event` needs no finalizer and stores no progress.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import kopf

from imagebatch_core.names import GROUP, LABEL_BATCH_UID, PLURAL, VERSION

from .work_queue import MustRestart

Event = dict[str, Any]
#: Is told the plural of the kind, and the event as the API server sent it.
Tell = Callable[[str, Event], None]

JOBS: Final = "jobs"
PAGE: Final = 500
_STOP_SECONDS: Final = 20.0
_log = logging.getLogger(__name__)


class Watches:
    """Kopf, watching some namespaces, or all when there are none; started and stopped at will.

    ``tell`` is called in the event loop that made this object.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._stop = _Stop()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._ended.set_result(None)

    def start(self, namespaces: tuple[str, ...]) -> asyncio.Future[None]:
        """A future that is done once Kopf has ended, with the error that ended it."""
        self._stop, self._ended = _Stop(), self._loop.create_future()
        threading.Thread(
            target=self._run, args=(namespaces, self._stop, self._ended), name="kopf", daemon=True
        ).start()
        return self._ended

    def ask_to_stop(self) -> None:
        """Without waiting, as where the process ends."""
        self._stop.request()

    async def stop(self) -> None:
        """Raises MustRestart when Kopf does not end, since no other may be started beside it."""
        self._stop.request()
        await asyncio.wait({self._ended}, timeout=_STOP_SECONDS)
        if not self._ended.done():
            raise MustRestart(f"Kopf did not stop within {_STOP_SECONDS:.0f} s")

    def _run(self, namespaces: tuple[str, ...], stop: _Stop, ended: asyncio.Future[None]) -> None:
        """The thread."""
        error: BaseException | None = None
        try:
            asyncio.run(self._operate(namespaces, stop))
        except BaseException as caught:  # noqa: BLE001 - handed to the other thread, whatever it is
            error = caught

        def end() -> None:
            if error is None:
                ended.set_result(None)
            else:
                ended.set_exception(error)

        self._hand_over(end)

    async def _operate(self, namespaces: tuple[str, ...], stop: _Stop) -> None:
        await kopf.operator(
            registry=self._registry(),
            settings=kopf_settings(),
            standalone=True,
            clusterwide=not namespaces,
            namespaces=namespaces,
            stop_flag=stop.here(),
        )

    def _registry(self) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()

        @kopf.on.login(registry=registry)
        def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
            return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)

        @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)
        async def batch_changed(event: Any, **_: Any) -> None:
            self._hand_over(lambda: self._tell(PLURAL, event))

        @kopf.on.event("batch", "v1", JOBS, registry=registry)
        async def job_changed(event: Any, **_: Any) -> None:
            self._hand_over(lambda: self._tell(JOBS, event))

        return registry

    def _hand_over(self, call: Callable[[], None]) -> None:
        # The loop is closed already where the process is ending.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call)


class _Stop:
    """A wish to stop, from one thread, as an event of the other's loop. A plain threading.Event
    would hold a thread of that loop, which the end of the process waits for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requested = False
        self._there: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    def request(self) -> None:
        with self._lock:
            self._requested = True
            if self._there is not None:
                loop, event = self._there
                with suppress(RuntimeError):  # it has ended already
                    loop.call_soon_threadsafe(event.set)

    def here(self) -> asyncio.Event:
        """The event of the running loop."""
        with self._lock:
            event = asyncio.Event()
            self._there = asyncio.get_running_loop(), event
            if self._requested:
                event.set()
            return event


class _NoDiffBase(kopf.DiffBaseStorage):
    """No handler compares an object with what it was; Kopf would copy every object for that."""

    def build(self, **_: Any) -> Any:
        return {}

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        return None


def kopf_settings() -> kopf.OperatorSettings:
    """Time limits on everything that watches, and nothing posted or patched on Kopf's own."""
    settings = kopf.OperatorSettings()
    # The API server filters: as labels= of a handler it would be Kopf, for every Job there is.
    settings.watching.label_selectors["batch", "v1", JOBS] = LABEL_BATCH_UID
    settings.watching.chunk_size = PAGE
    settings.watching.server_timeout = 240
    settings.watching.client_timeout = 270
    settings.watching.connect_timeout = 10
    settings.networking.request_timeout = 10
    # Kopf ends after these, and is started again over the namespaces that can be read.
    settings.networking.error_backoffs = (1, 1, 2, 3, 5)
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.peering.standalone = True
    settings.persistence.diffbase_storage = _NoDiffBase()
    # It would kill the process some minutes after a stop, in which another one may have begun.
    settings.process.ultimate_exiting_timeout = None
    return settings
