"""The desired status and actions for one batch: a pure function of batch, Jobs and time.

If the operator crashes between the write of the status and an action, the next call returns that
action again.
"""

from __future__ import annotations

import math
from datetime import datetime

from imagebatch_core.resource import ImageBatch

from .actions import Decision, DeliverWebhook
from .after_end import over
from .ends import ending, until_deadline
from .facts import Case
from .observed import Observation
from .refused import refused
from .running_limit import queued
from .shard_jobs import compressing
from .single_pod import collecting, planning
from .stages import Ended, Over, Stage
from .status import status_of
from .strays import delete_strays
from .suspended import awaiting_confirmation, suspended
from .webhook_retries import receiver_changed, replayed, until_attempt


def decide(batch: ImageBatch, seen: Observation, now: datetime) -> Decision:
    """Return the status and the actions for one pass over a batch."""
    if batch.deletion_timestamp is not None:
        return Decision(batch.status)
    case = Case.of(batch, seen, now)
    stage = stage_of(case)
    actions = (*delete_strays(case, stage), *stage.next.actions)
    look_again = _look_again(case, stage)
    if isinstance(stage, Ended | Over):
        return Decision(status_of(batch, stage, now, seen.ceilings), actions, look_again)
    delivery = receiver_changed(batch, now) or replayed(batch, now)
    status = status_of(batch, stage, now, seen.ceilings, delivery)
    left = until_attempt(status.webhook, now)
    if left is not None and left <= 0 and status.webhook == batch.status.webhook:
        actions = (*actions, DeliverWebhook())
    elif left is not None:
        # What this pass records is sent by the next.
        look_again = min(max(left, 0.0), math.inf if look_again is None else look_again)
    return Decision(status, actions, look_again)


def stage_of(case: Case) -> Stage:
    """Return the stage of the batch: that of the first policy that applies.

    A stage in which the batch would run is replaced by Queued while it has no turn.
    """
    stage = (
        over(case)
        or ending(case)
        or refused(case)
        or suspended(case)
        or planning(case)
        or awaiting_confirmation(case)
        or compressing(case)
        or collecting(case)
    )
    return queued(case, stage) or stage


def _look_again(case: Case, stage: Stage) -> float | None:
    """Return the seconds after which time alone may change the decision."""
    times = [stage.next.look_again]
    if not isinstance(stage, Ended | Over) and not (stage.next.pauses or stage.facts.ending):
        times.append(until_deadline(case))
    due = [seconds for seconds in times if seconds is not None]
    return min(due) if due else None
