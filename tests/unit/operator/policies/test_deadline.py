"""activeDeadlineSeconds counts the time in which a batch could run."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from imagebatch_core.job import Step
from imagebatch_core.reasons import Phase, Reason
from imagebatch_core.resource import ImageBatch
from imagebatch_operator.policies.actions import Decision
from imagebatch_operator.policies.decide import decide
from imagebatch_operator.policies.observed import JobView, Observation
from unit.operator.builders import NOW, after, batch, job

LIMIT = 300
RUNNING = job(Step.COMPRESS)
HELD = job(Step.COMPRESS, queue="team", suspended=True, active=0, ready=0)
SUSPENDED = job(Step.COMPRESS, suspended=True, active=0, ready=0)


class Batch:
    """A batch of three shards that began at :data:`NOW`; times in seconds from there."""

    def __init__(self) -> None:
        self._builder = batch().queued().shards(3, first_runs=1).spec(activeDeadlineSeconds=LIMIT)
        self._builder.status(startTime=NOW.isoformat())

    def look(self, at: float, seen: JobView, **spec: Any) -> Decision:
        made: ImageBatch = self._builder.spec(**spec).build()
        now: datetime = NOW + timedelta(seconds=at)
        decision = decide(made, Observation(jobs=(seen,)), now)
        after(self._builder, decision.status)
        return decision


def over(decision: Decision) -> bool:
    ending = decision.status.ending
    return ending is not None and ending.reason is Reason.DEADLINE_EXCEEDED


def test_a_suspension_stops_the_clock_and_resuming_starts_it_where_it_was() -> None:
    made = Batch()
    assert made.look(100, RUNNING).requeue_after == 200
    suspended = made.look(100, RUNNING, suspend=True)
    assert suspended.status.phase is Phase.SUSPENDED
    assert suspended.requeue_after is None, "nothing ends while it is suspended"
    assert made.look(9000, SUSPENDED).status.phase is Phase.SUSPENDED
    resumed = made.look(10_100, SUSPENDED, suspend=False)
    assert (resumed.status.phase, resumed.requeue_after) == (Phase.PROCESSING, 200)
    assert made.look(10_299, RUNNING).requeue_after == 1
    assert over(made.look(10_300, RUNNING))


def test_pauses_add_up() -> None:
    made = Batch()
    for pause in range(3):
        begin = pause * 1080
        made.look(begin + 40, RUNNING, suspend=True)
        made.look(begin + 1040, SUSPENDED, suspend=False)
        assert made.look(begin + 1080, RUNNING).requeue_after == LIMIT - 80 * (pause + 1)
    assert over(made.look(3000 + LIMIT, RUNNING))


def test_a_queue_that_holds_the_job_stops_the_clock() -> None:
    made = Batch()
    made.look(10, HELD)
    held = made.look(5000, HELD)
    assert (held.status.phase, held.requeue_after) == (Phase.PENDING, 300)
    admitted = job(Step.COMPRESS, queue="team")
    assert made.look(5010, admitted).requeue_after == LIMIT - 10
    assert over(made.look(5000 + LIMIT, admitted))


def test_a_pause_is_written_once_when_it_begins_and_once_when_it_ends() -> None:
    made = Batch()
    first = made.look(10, HELD).status
    assert made.look(500, HELD).status == first
    assert made.look(1000, HELD).status == first


def test_cancel_ends_a_suspended_batch() -> None:
    made = Batch()
    made.look(10, RUNNING, suspend=True)
    ends = made.look(20, SUSPENDED, cancel=True).status
    assert ends.ending is not None
    assert ends.ending.reason is Reason.CANCELLED
    assert ends.paused is not None
    assert (ends.paused.since, ends.paused.seconds) == (None, 10)
