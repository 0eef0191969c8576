"""Decide whether a Job is blocked: none of its pods gets ready."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from .observed import JobView

#: How long a Job may be without a ready pod: a pod needs some time to start.
BLOCKED_AFTER: Final = timedelta(seconds=60)
_REFRESH_SECONDS: Final = 60.0


def is_blocked(job: JobView, now: datetime) -> bool:
    return job.idle_since is not None and now - job.idle_since >= BLOCKED_AFTER


def next_look(job: JobView, now: datetime) -> float | None:
    """Return the seconds until the Job counts as blocked, or its reason should be read again.

    ``None`` while a pod is ready.
    """
    if job.idle_since is None:
        return None
    left = (job.idle_since + BLOCKED_AFTER - now).total_seconds()
    return left if left > 0 else _REFRESH_SECONDS
