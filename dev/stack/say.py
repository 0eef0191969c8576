"""Lines that tell the user what is happening."""

from __future__ import annotations

import sys
import time

_started = time.monotonic()


def say(text: str) -> None:
    """Print one line with the seconds since the start."""
    sys.stdout.write(f"[{time.monotonic() - _started:6.1f} s] {text}\n")
    sys.stdout.flush()


def show(text: str) -> None:
    """Print the output of another program as it is."""
    sys.stdout.write(text)
    sys.stdout.flush()


def heading(text: str) -> None:
    sys.stdout.write(f"\n=== {text}\n")
    sys.stdout.flush()


def elapsed() -> float:
    """Seconds since the start."""
    return time.monotonic() - _started
