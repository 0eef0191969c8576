"""Since when no pod of a Job has been ready: a Job's status tells how many are, not since when."""

from __future__ import annotations

from datetime import datetime

from .observed import JobView


def idle_since(job: JobView, before: JobView | None, now: datetime) -> datetime | None:
    """``None`` while a pod is ready, or none is meant to be.

    ``before`` is the view that this process had last. Without one (it was just started) a Job that
    never got anywhere counts from its own start, and any other from now: it may well be between
    two pods.
    """
    if job.ready or job.suspended or job.finished or job.deleting:
        return None
    if before is None:
        return now if _progress(job) else job.started
    if before.idle_since is None or _progress(job) != _progress(before):
        # A pod that came and went between two events was ready as well.
        return now
    return before.idle_since


def _progress(job: JobView) -> int:
    return job.completed_indexes + job.failed_indexes + job.failed_pods
