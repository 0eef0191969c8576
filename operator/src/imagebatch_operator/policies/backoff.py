"""Waits before something is tried again, in seconds: from 15, growing to five minutes."""

from __future__ import annotations

from datetime import datetime
from typing import Final

FIRST: Final = 15.0
LONGEST: Final = 300.0
_DOUBLINGS: Final = 10


def wait_after(failures: int) -> float:
    """Doubles with each of the ``failures`` in a row."""
    return min(FIRST * 2.0 ** min(failures - 1, _DOUBLINGS), LONGEST)


def wait_since(since: datetime | None, now: datetime) -> float:
    """Half of the time that it has waited already, where nobody counts the tries."""
    waited = (now - since).total_seconds() if since is not None else 0.0
    return min(max(waited / 2, FIRST), LONGEST)
