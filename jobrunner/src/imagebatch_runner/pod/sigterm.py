"""SIGTERM in a pod: an end within the grace period, whatever the process is waiting for.

A thread of its own waits for the signal: the interpreter's handler in C writes to a pipe at once,
whereas one in Python runs between two lines on the main thread, which may be within a call to the
store that takes minutes; and threads that wait for the store hold up every orderly end. What is not
recorded then is done again by the next pod, so leaving at once is always safe.
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


class SigtermWatch:
    """Ends the process with 143: at once, or within :meth:`grace` where there is work to record.

    To be made once, on the main thread. It takes the interpreter's only wake-up descriptor, so
    nothing else in the process may use ``loop.add_signal_handler``.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._finish: Callable[[], None] | None = None
        self._seconds = 0.0
        self.arrived = False
        self._wakes, wakeup = os.pipe()
        os.set_blocking(wakeup, False)
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        # A handler must be there: as PID 1 of a pod the kernel spares this process a signal that
        # it does not handle.
        signal.signal(signal.SIGTERM, lambda *_: None)
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
        while signal.SIGTERM not in os.read(self._wakes, 64):
            pass  # another signal that has a handler
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
