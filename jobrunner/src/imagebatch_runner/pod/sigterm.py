"""Handle SIGTERM in a pod: end the process within the grace period, whatever it is waiting for.

A thread waits for the signal. A Python handler would run on the main thread between two lines, but
the main thread may be in a call to the store that takes minutes; the interpreter's own handler
writes to a pipe at once. Other threads that wait for the store would delay an orderly exit, so the
process exits without waiting for them. This is safe at any moment: the next pod repeats the work
that is not recorded.
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
    """Ends the process with exit code 143 on SIGTERM: at once, or after the grace period within a
    :meth:`grace` block.

    Create only one, on the main thread. It uses the interpreter's single wake-up descriptor, so
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
        # There must be a handler: the kernel does not deliver an unhandled signal to PID 1, which
        # this process is in a pod.
        signal.signal(signal.SIGTERM, lambda *_: None)
        threading.Thread(target=self._wait, name="sigterm", daemon=True).start()

    @contextmanager
    def grace(self, seconds: float, finish: Callable[[], None]) -> Iterator[None]:
        """Let SIGTERM call ``finish`` during the block, on the watching thread.

        The process then has ``seconds`` to end by itself.
        """
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
            log.info("interrupted: there is nothing to record")
        os._exit(ExitCode.INTERRUPTED)
