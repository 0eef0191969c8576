"""SIGTERM in a pod: an end within the grace period, whatever the process is waiting for.

The signal is waited for by a thread of its own. A handler would not do: it runs between two lines
of Python on the main thread, which may be within a call to the store that takes minutes, and
threads that wait for the store hold up every orderly end. What is not recorded then is done again
by the next pod, so leaving at once is always safe.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from imagebatch_core.job import ExitCode

log = logging.getLogger(__name__)

_SIGNALS = frozenset({signal.SIGTERM})


class SigtermWatch:
    """Ends the process with 143: at once, or within :meth:`grace` where there is work to record.

    To be made once, on the main thread, before any other thread is there. The signal stays blocked
    in this process: as PID 1 of a pod it gets even one that it does not handle, and it inherits the
    block to its children, which undo it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._finish: Callable[[], None] | None = None
        self._seconds = 0.0
        self.arrived = False
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        threading.Thread(target=self._wait, name="sigterm", daemon=True).start()

    @contextmanager
    def grace(self, seconds: float, finish: Callable[[], None]) -> Iterator[None]:
        """Within the block the signal calls ``finish``, on the watching thread, and the process
        has so many seconds left to end by itself."""
        with self._lock:
            self._finish, self._seconds = finish, seconds
        try:
            yield
        finally:
            with self._lock:
                self._finish = None

    def _wait(self) -> None:
        signal.sigwait(_SIGNALS)
        with self._lock:
            self.arrived = True
            finish, seconds = self._finish, self._seconds
            if finish is not None:
                finish()
        if finish is not None:
            time.sleep(seconds)
            log.warning("interrupted: the grace period is over")
        else:
            log.info("interrupted: nothing to record")
        os._exit(ExitCode.INTERRUPTED)


def unblock() -> None:
    """In a child, which inherited the block."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
