"""Runs Kopf, which watches batches, Jobs and the pods of plan and collect.

Each event is handed to the main event loop.

Kopf has a thread and an event loop of its own, because when it ends it cancels all tasks of its
loop that were made after its start (docs/adr/0014). It writes nothing to any resource: `on.event`
needs no finalizer and stores no progress.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Any, Final

import kopf

from imagebatch_core.job import Step
from imagebatch_core.names import GROUP, LABEL_BATCH_UID, LABEL_STEP, PLURAL, VERSION

from .work_queue import MustRestart

Event = dict[str, Any]
#: Called with the plural of the kind, and the event as the API server sent it.
OnEvent = Callable[[str, Event], None]

JOBS: Final = "jobs"
PODS: Final = "pods"
#: The pods that report a step's result: one for each Job of plan and collect, none of compress.
_REPORTING_PODS: Final = f"{LABEL_BATCH_UID},{LABEL_STEP} in ({Step.PLAN},{Step.COLLECT})"
#: The kinds that the operator lists and watches, by their plurals; with Jobs it watches the pods
#: that report a step's result.
BOTH: Final = (PLURAL, JOBS)
PAGE: Final = 500
_STOP_SECONDS: Final = 20.0
_log = logging.getLogger(__name__)


class Watches:
    """Starts and stops Kopf, which watches some kinds.

    ``on_event`` is called in the event loop in which this object was made.
    """

    def __init__(self, on_event: OnEvent, kinds: Collection[str] = BOTH) -> None:
        self._on_event = on_event
        self._kinds = kinds
        self._loop = asyncio.get_running_loop()
        self._stop = _Stop()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._ended.set_result(None)

    def start(self, namespaces: tuple[str, ...]) -> asyncio.Future[None]:
        """Watch these namespaces, or all when there are none. Returns a future that is done when
        Kopf has ended, with the error that ended it."""
        self._stop, self._ended = _Stop(), self._loop.create_future()
        threading.Thread(
            target=self._run, args=(namespaces, self._stop, self._ended), name="kopf", daemon=True
        ).start()
        return self._ended

    def ask_to_stop(self) -> None:
        """Stop without waiting for the end."""
        self._stop.request()

    async def stop(self) -> None:
        """Stop Kopf and wait until it has ended.

        Raises:
            MustRestart: Kopf does not end; a second one must not run beside it.
        """
        self._stop.request()
        await asyncio.wait({self._ended}, timeout=_STOP_SECONDS)
        if not self._ended.done():
            raise MustRestart(f"Kopf did not stop within {_STOP_SECONDS:.0f} s")

    def _run(self, namespaces: tuple[str, ...], stop: _Stop, ended: asyncio.Future[None]) -> None:
        """Run Kopf; this is the thread's function."""
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

        if PLURAL in self._kinds:

            @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)
            async def batch_changed(event: Any, **_: Any) -> None:
                self._hand_over(lambda: self._on_event(PLURAL, event))

        if JOBS in self._kinds:

            @kopf.on.event("batch", "v1", JOBS, registry=registry)
            async def job_changed(event: Any, **_: Any) -> None:
                self._hand_over(lambda: self._on_event(JOBS, event))

            @kopf.on.event("", "v1", PODS, registry=registry)
            async def pod_changed(event: Any, **_: Any) -> None:
                self._hand_over(lambda: self._on_event(PODS, event))

        return registry

    def _hand_over(self, call: Callable[[], None]) -> None:
        # The loop may be closed already when the process ends.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call)


class _Stop:
    """Sets an asyncio.Event of Kopf's loop from another thread.

    Kopf takes a threading.Event as well, but waits for it in a further thread, and the end of the
    process would wait for that one.
    """

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
        """Return an event of the running loop that is set once a stop is requested."""
        with self._lock:
            event = asyncio.Event()
            self._there = asyncio.get_running_loop(), event
            if self._requested:
                event.set()
            return event


class _NoDiffBase(kopf.DiffBaseStorage):
    """A diff base that stores nothing: no handler needs the former state of an object, of which
    Kopf would otherwise keep a copy."""

    def build(self, **_: Any) -> Any:
        return {}

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        return None


def kopf_settings() -> kopf.OperatorSettings:
    """Return Kopf's settings: time limits for all requests, no Events, and no patches."""
    settings = kopf.OperatorSettings()
    # The API server filters by it. With labels= of the handler Kopf would receive every Job.
    settings.watching.label_selectors["batch", "v1", JOBS] = LABEL_BATCH_UID
    settings.watching.label_selectors["", "v1", PODS] = _REPORTING_PODS
    settings.watching.chunk_size = PAGE
    settings.watching.server_timeout = 240
    settings.watching.client_timeout = 270
    settings.watching.connect_timeout = 10
    settings.networking.request_timeout = 10
    # After these retries Kopf ends, and is started again for the namespaces that can be read.
    settings.networking.error_backoffs = (1, 1, 2, 3, 5)
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.peering.standalone = True
    settings.persistence.diffbase_storage = _NoDiffBase()
    # Otherwise Kopf kills the process ten minutes after it was stopped.
    settings.process.ultimate_exiting_timeout = None
    return settings
