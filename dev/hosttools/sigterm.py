"""SIGTERM as an exception, so that ``finally`` blocks run."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def exit_on_sigterm() -> Iterator[None]:
    """Raise SystemExit(143) on SIGTERM during the block, and restore the handler after it.

    The ``finally`` blocks of the program then stop what it started and remove what is half done.
    """
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
