"""Print progress for a waiting user."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Say = Callable[[str], None]


def say(text: str) -> None:
    """Print one line to standard error, without buffering."""
    print(text, file=sys.stderr, flush=True)


class Steps:
    """Prints each step with the seconds since the start."""

    def __init__(self, out: Say = say, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = out
        self._clock = clock
        self._start = clock()

    def __call__(self, text: str) -> None:
        self._out(f"[{self._clock() - self._start:5.1f} s] {text}")


@contextmanager
def heartbeat(text: Callable[[], str], out: Say = say, every: float = 10.0) -> Iterator[None]:
    """During the block, print ``text()`` and the elapsed time every ``every`` seconds."""
    start = time.monotonic()
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(every):
            out(f"  {text()}, {time.monotonic() - start:.0f} s")

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
