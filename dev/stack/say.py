"""Print progress for the user."""

from __future__ import annotations

import sys
import time

_started = time.monotonic()


def say(text: str) -> None:
    """Print a line with the seconds since the program started."""
    sys.stdout.write(f"[{time.monotonic() - _started:6.1f} s] {text}\n")
    sys.stdout.flush()


def show(text: str) -> None:
    """Print the output of another program unchanged."""
    sys.stdout.write(text)
    sys.stdout.flush()


def heading(text: str) -> None:
    sys.stdout.write(f"\n=== {text}\n")
    sys.stdout.flush()


def elapsed() -> float:
    """Return the seconds since the program started."""
    return time.monotonic() - _started
