"""When a Job whose pods do not get ready is asked for the reason, and what is shown of it."""

from __future__ import annotations

from datetime import datetime, timedelta

from imagebatch_core.reasons import ConditionType, Reason

from .actions import Action, ExplainBlocked
from .draft import Draft
from .observed import JobView, Observation

#: Without a ready pod; shorter than this is a pod that starts.
BLOCKED_AFTER = timedelta(seconds=60)
_REFRESH_SECONDS = 60.0


def explain_blocked(seen: Observation, draft: Draft, job: JobView) -> list[Action]:
    """Shows the reason once it was looked up, and asks for it when it is time."""
    if job.idle_since is None or draft.now - job.idle_since < BLOCKED_AFTER:
        return []
    reason = seen.blocked.get(job.name)
    if reason is None:
        return [ExplainBlocked(job.name)]
    draft.condition(ConditionType.RECONCILING, True, Reason.PODS_BLOCKED, reason)
    return []


def next_look(job: JobView, now: datetime) -> float | None:
    """Seconds until the reason is due, or may have changed; ``None`` while a pod is ready."""
    if job.idle_since is None:
        return None
    left = (job.idle_since + BLOCKED_AFTER - now).total_seconds()
    return left if left > 0 else _REFRESH_SECONDS
