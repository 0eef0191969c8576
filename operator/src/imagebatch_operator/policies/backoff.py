"""The waits before a retry, in seconds: they grow from 15 seconds to five minutes."""

from __future__ import annotations

from datetime import datetime
from typing import Final

FIRST: Final = 15.0
LONGEST: Final = 300.0
_DOUBLINGS: Final = 10


def wait_after(failures: int) -> float:
    """Return the wait after some failures in a row; it doubles with each of them."""
    return min(FIRST * 2.0 ** min(failures - 1, _DOUBLINGS), LONGEST)


def wait_since(since: datetime | None, now: datetime) -> float:
    """Return half of the time since ``since`` as the next wait, where retries are not counted."""
    waited = (now - since).total_seconds() if since is not None else 0.0
    return min(max(waited / 2, FIRST), LONGEST)
