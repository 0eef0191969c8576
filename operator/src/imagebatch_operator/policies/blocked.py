"""When a Job whose pods do not get ready is asked for the reason."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from .observed import JobView

#: Without a ready pod; shorter than this is a pod that starts.
BLOCKED_AFTER: Final = timedelta(seconds=60)
_REFRESH_SECONDS: Final = 60.0


def is_blocked(job: JobView, now: datetime) -> bool:
    return job.idle_since is not None and now - job.idle_since >= BLOCKED_AFTER


def next_look(job: JobView, now: datetime) -> float | None:
    """Seconds until the reason is due, or may have changed; ``None`` while a pod is ready."""
    if job.idle_since is None:
        return None
    left = (job.idle_since + BLOCKED_AFTER - now).total_seconds()
    return left if left > 0 else _REFRESH_SECONDS
