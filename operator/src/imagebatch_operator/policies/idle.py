"""Track the time since which a Job has no ready pod; its status only counts the ready pods."""

from __future__ import annotations

from datetime import datetime

from .observed import JobView


def idle_since(job: JobView, before: JobView | None, now: datetime) -> datetime | None:
    """Return the time since which the Job has no ready pod; ``None`` if it has one or needs none.

    ``before`` is this process's previous view. Without one, as after a restart, a Job without any
    progress counts from its own start, and any other from now: it may be between two pods.
    """
    if job.ready or job.suspended or job.finished or job.deleting:
        return None
    if before is None:
        return now if _progress(job) else job.started
    if before.idle_since is None or _progress(job) != _progress(before):
        # A pod that started and ended between two events was ready in between.
        return now
    return before.idle_since


def _progress(job: JobView) -> int:
    return job.completed_indexes + job.failed_indexes + job.failed_pods
