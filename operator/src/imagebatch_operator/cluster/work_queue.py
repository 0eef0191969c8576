"""The queue of batches to reconcile: each is in it at most once and worked on by one worker."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

from imagebatch_operator import metrics

Key = tuple[str, str]
Reconcile = Callable[[Key], Awaitable[float | None]]

_FIRST_BACKOFF: Final = 0.5
_LONGEST_BACKOFF: Final = 60.0
#: Doublings after which the backoff stops growing: 2 to the power of 1,024 overflows a float.
_LAST_DOUBLING: Final = 10
_log = logging.getLogger(__name__)


class MustRestart(Exception):
    """This process must end, and a new one must start, because its state in memory is wrong."""


class WorkQueue:
    """Keys without duplicates, with delays, and with a backoff after errors."""

    def __init__(self) -> None:
        self._ready: asyncio.Queue[Key] = asyncio.Queue()
        #: When each waiting key was enqueued.
        self._waiting: dict[Key, float] = {}
        self._running: set[Key] = set()
        self._again: set[Key] = set()
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._failures: dict[Key, int] = {}

    @property
    def depth(self) -> int:
        """The number of keys that wait for a worker."""
        return len(self._waiting)

    def add(self, key: Key) -> None:
        """Enqueue the key now. If it is being worked on, it is enqueued again after that."""
        if key in self._running:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting[key] = time.monotonic()
            metrics.QUEUE_ADDS.inc()
            self._ready.put_nowait(key)

    def add_after(self, key: Key, seconds: float) -> None:
        """Enqueue the key in some seconds. Of two such times the earlier one counts."""
        loop = asyncio.get_running_loop()
        old = self._timers.get(key)
        if old is not None:
            if old.when() <= loop.time() + seconds:
                return
            old.cancel()
        self._timers[key] = loop.call_later(seconds, self._fire, key)

    def _fire(self, key: Key) -> None:
        self._timers.pop(key, None)
        self.add(key)

    async def work(self, reconcile: Reconcile) -> None:
        """Work on keys until cancelled. Several workers may run at the same time.

        Raises:
            MustRestart: ``reconcile`` raised it.
        """
        while True:
            key = await self._ready.get()
            metrics.QUEUE_LATENCY.observe(time.monotonic() - self._waiting.pop(key))
            self._running.add(key)
            # A pass without a request never yields to other tasks.
            await asyncio.sleep(0)
            try:
                with metrics.PASS_SECONDS.time():
                    again = await reconcile(key)
            except MustRestart:
                raise
            except Exception as error:  # noqa: BLE001 - one batch's trouble must not end the worker
                metrics.QUEUE_RETRIES.inc()
                failures = self._failures[key] = self._failures.get(key, 0) + 1
                doublings = min(failures - 1, _LAST_DOUBLING)
                again = min(_FIRST_BACKOFF * 2**doublings, _LONGEST_BACKOFF)
                _log.warning("batch %s/%s: %s; again in %.1f s", *key, error, again)
            else:
                self._failures.pop(key, None)
            finally:
                self._running.discard(key)
            if key in self._again:
                self._again.discard(key)
                self.add(key)
            if again is not None:
                self.add_after(key, again)
