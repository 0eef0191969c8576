"""What should be so for a batch: pure, and the same whatever happened before.

`decide` reads the batch, its Jobs and the clock, and returns the status to write and the actions
to carry out after that write. It knows no Kubernetes client; a crash between the write and any
action is repaired by the next call, which asks for the same again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from imagebatch_core.job import Step
from imagebatch_core.reasons import ConditionType, Phase, Reason
from imagebatch_core.resource import ImageBatch
from imagebatch_core.status import ReuseStatus

from .accepted import still_accepted
from .actions import Action, CreateJob, Decision, DeleteJob
from .after_end import after_end
from .blocked import next_look
from .draft import Draft
from .observed import Observation
from .running_job import suspend
from .shard_jobs import compress
from .single_pod import step

_HEAL_SECONDS = 15.0


def decide(batch: ImageBatch, seen: Observation, now: datetime) -> Decision:
    """One pass over a batch."""
    if batch.deletion_timestamp is not None:
        return Decision(batch.status)
    if batch.status.phase is not None and batch.status.phase.finished:
        return after_end(batch, seen, now)
    draft = Draft(batch, now)
    ended = _ended_from_outside(batch, seen, draft, now)
    if ended:
        return Decision(draft.build(), tuple(DeleteJob(j.name) for j in seen.jobs), 0.0)
    if seen.refusal is not None:
        draft.condition(ConditionType.ACCEPTED, False, seen.refusal.reason, seen.refusal.message)
        draft.working(Phase.PENDING, Reason.WAITING, seen.refusal.message)
        return Decision(draft.build(), (), _HEAL_SECONDS)
    draft.condition(ConditionType.ACCEPTED, *still_accepted(batch))
    if seen.earlier_uid is not None:
        draft.set(reuse=ReuseStatus(uid=seen.earlier_uid))
    actions = suspend(batch, seen, draft) if batch.spec.suspend else _advance(batch, seen, draft)
    if seen.obstacle is not None and any(isinstance(a, CreateJob) for a in actions):
        draft.condition(ConditionType.RECONCILING, True, Reason.PODS_BLOCKED, seen.obstacle)
    requeue = 0.0 if draft.current.phase and draft.current.phase.finished else None
    return Decision(draft.build(), tuple(actions), requeue or _wake(batch, seen, draft, now))


def _ended_from_outside(batch: ImageBatch, seen: Observation, draft: Draft, now: datetime) -> bool:
    """Ends that need no Job: a refusal for good, cancel, the deadline."""
    if seen.refusal is not None and seen.refusal.permanent:
        draft.condition(ConditionType.ACCEPTED, False, seen.refusal.reason, seen.refusal.message)
        draft.ended(Phase.FAILED, seen.refusal.reason, seen.refusal.message)
        return True
    if batch.spec.cancel:
        draft.ended(Phase.CANCELLED, Reason.CANCELLED, "cancelled by spec.cancel")
        return True
    end = _deadline(batch)
    if end is not None and now >= end:
        limit = batch.spec.active_deadline_seconds
        text = f"not finished within activeDeadlineSeconds ({limit})"
        draft.ended(Phase.FAILED, Reason.DEADLINE_EXCEEDED, text)
        return True
    return False


def _deadline(batch: ImageBatch) -> datetime | None:
    if batch.spec.active_deadline_seconds is None or batch.status.start_time is None:
        return None
    return batch.status.start_time + timedelta(seconds=batch.spec.active_deadline_seconds)


def _advance(batch: ImageBatch, seen: Observation, draft: Draft) -> list[Action]:
    if draft.current.shards is None:
        outcome = step(batch, seen, draft, Step.PLAN)
        if isinstance(outcome, list):
            return outcome
        message = outcome.message
        if message is None:
            raise AssertionError("a step that is over has a message")
        draft.planned(message)
        if batch.spec.dry_run:
            text = f"{message.products} products, {message.images} images, {message.shards} shards"
            draft.ended(Phase.COMPLETED, Reason.DRY_RUN_COMPLETED, text)
            return []
        if message.step is Step.COLLECT:
            draft.collected(message)
            return []
    shards = draft.current.shards
    if shards is not None and shards.done + shards.failed < shards.total:
        actions = compress(batch, seen, draft, shards)
        if actions is not None:
            return actions
    outcome = step(batch, seen, draft, Step.COLLECT)
    if isinstance(outcome, list):
        return outcome
    if outcome.message is not None:
        draft.collected(outcome.message)
    return []


def _wake(batch: ImageBatch, seen: Observation, draft: Draft, now: datetime) -> float | None:
    """Seconds until time alone may change the answer."""
    if draft.current.phase and draft.current.phase.finished:
        return 0.0
    times = [look for job in seen.jobs if (look := next_look(job, now)) is not None]
    end = _deadline(batch)
    if end is not None:
        times.append((end - now).total_seconds())
    return max(0.1, min(times)) if times else None
