"""A batch without a turn waits, keeps what it has, and loses no time of its deadline."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from imagebatch_core.condition import Condition
from imagebatch_core.job import Step
from imagebatch_core.names import LABEL_KUEUE_PRIORITY
from imagebatch_core.reasons import ConditionType, Phase, Reason
from imagebatch_core.status import ImageBatchStatus
from imagebatch_operator.admission import not_acted_on
from imagebatch_operator.job_labels import priority_label
from imagebatch_operator.policies.actions import CreateJob, PatchJob
from imagebatch_operator.policies.decide import decide
from imagebatch_operator.policies.notices import notices
from imagebatch_operator.policies.observed import JobView, Observation, Obstacle, Turn
from imagebatch_operator.policies.running_limit import recorded_entry, wanted_entry
from imagebatch_operator.policies.turns import Limits
from unit.operator.builders import NOW, BatchBuilder, after, batch, collect_done, job

LIMITS = Limits(release=4)
WAITS = Turn(granted=False, position=3, limits=str(LIMITS))
GRANTED = Turn(granted=True)
RUNNING = job(Step.COMPRESS)
SUSPENDED = job(Step.COMPRESS, suspended=True, active=0, ready=0)


def reconciling(status: ImageBatchStatus) -> Condition:
    found = status.condition(ConditionType.RECONCILING)
    assert found is not None
    return found


def recorded(builder: BatchBuilder, *jobs: JobView) -> str | None:
    """How a batch counts under the limits."""
    entry = recorded_entry(builder.body(), jobs)
    return None if entry is None else "runs" if entry.running else "waits"


def test_a_batch_without_a_turn_is_queued_and_begins_when_its_turn_comes() -> None:
    builder = batch()
    held = decide(builder.build(), Observation(turn=WAITS), NOW)
    assert held.actions == ()
    assert held.requeue_after == 15
    assert (held.status.phase, held.status.queue_position) == (Phase.PENDING, 3)
    told = reconciling(held.status)
    assert (told.status, told.reason) == ("True", Reason.QUEUED)
    assert told.message == (
        "waits for its turn: no more than 4 batches run at once (limits.runningBatches)"
    )
    accepted = held.status.condition(ConditionType.ACCEPTED)
    assert accepted is not None
    assert accepted.status == "True"
    assert held.status.start_time is None
    [notice] = notices(ImageBatchStatus(), held.status)
    assert notice.reason == Reason.QUEUED

    later = NOW + timedelta(hours=1)
    begun = decide(after(builder, held.status), Observation(turn=GRANTED), later)
    assert begun.actions == (CreateJob(Step.PLAN, 1),)
    assert begun.status.start_time == later, "the time in the queue is no part of the run"
    assert begun.status.queue_position is None


@pytest.mark.parametrize("phase", ["Suspended", "Pending"])
def test_a_batch_counts_until_its_jobs_are_suspended_too(phase: str) -> None:
    builder = batch().shards(3, first_runs=1).status(phase=phase).spec(suspend=True)
    assert recorded(builder, RUNNING) == "runs", "the request that suspends the Job may fail"
    assert recorded(builder, SUSPENDED) is None
    assert recorded(builder, replace(RUNNING, deleting=True)) is None
    assert recorded(builder.status(phase="Completed"), RUNNING) is None


def test_without_a_limit_nothing_is_queued() -> None:
    assert decide(batch().build(), Observation(), NOW).status.phase is Phase.PROCESSING


@pytest.mark.parametrize(("position", "seconds"), [(1, 15), (10, 50), (1000, 300)])
def test_the_position_is_looked_at_again_the_later_the_further_behind(
    position: int, seconds: float
) -> None:
    seen = Observation(turn=Turn(False, position, "no more than 4"))
    assert decide(batch().build(), seen, NOW).requeue_after == seconds


def test_a_running_batch_that_loses_its_turn_has_its_job_suspended_and_goes_on_later() -> None:
    builder = batch().shards(3, first_runs=1).spec(activeDeadlineSeconds=300)
    held = decide(builder.build(), Observation(jobs=(RUNNING,), turn=WAITS), NOW)
    assert held.actions == (PatchJob(RUNNING.name, suspend=True),)
    assert held.status.phase is Phase.PENDING
    again = decide(after(builder, held.status), Observation(jobs=(SUSPENDED,), turn=WAITS), NOW)
    assert again.actions == ()

    day = NOW + timedelta(days=1)
    seen = Observation(jobs=(SUSPENDED,), turn=GRANTED)
    resumed = decide(after(builder, held.status), seen, day)
    assert resumed.actions == (PatchJob(RUNNING.name, suspend=False),)
    assert resumed.status.phase is Phase.PROCESSING
    assert resumed.status.paused is not None
    assert resumed.status.paused.seconds == 86_400
    assert resumed.requeue_after == 115.0, "the deadline did not come nearer meanwhile"


def test_a_resumed_batch_waits_for_its_turn_as_a_new_one_does() -> None:
    builder = batch().shards(3, first_runs=1).spec(suspend=True)
    suspended = decide(builder.build(), Observation(jobs=(RUNNING,), turn=GRANTED), NOW)
    assert suspended.status.phase is Phase.SUSPENDED
    assert recorded(builder.with_status(suspended.status), SUSPENDED) is None
    builder.spec(suspend=False)
    held = decide(builder.build(), Observation(jobs=(SUSPENDED,), turn=WAITS), NOW)
    assert (held.status.phase, held.actions) == (Phase.PENDING, ())
    assert held.status.paused is not None
    assert held.status.paused.since == NOW


def test_a_queued_batch_that_is_suspended_or_cancelled_leaves_the_queue() -> None:
    held = decide(batch().build(), Observation(turn=WAITS), NOW).status
    builder = batch().with_status(held)
    assert recorded(builder) == "waits"
    assert recorded(builder.spec(suspend=True)) is None
    suspended = decide(builder.build(), Observation(turn=WAITS), NOW).status
    assert (suspended.phase, suspended.queue_position) == (Phase.SUSPENDED, None)
    builder = batch().with_status(held).spec(cancel=True)
    assert recorded(builder) is None
    cancelled = decide(builder.build(), Observation(turn=WAITS), NOW).status
    assert (cancelled.phase, cancelled.queue_position) == (Phase.CANCELLED, None)


@pytest.mark.parametrize("spec", [{"cancel": True}, {"activeDeadlineSeconds": 1}])
def test_an_early_end_needs_no_turn(spec: dict[str, object]) -> None:
    builder = batch().shards(3, first_runs=1).spec(**spec)
    stops = decide(builder.build(), Observation(jobs=(RUNNING,), turn=WAITS), NOW)
    assert stops.status.ending is not None
    assert recorded(builder.with_status(stops.status), RUNNING) is None
    assert wanted_entry(builder.body(), ()) is None
    collects = decide(builder.build(), Observation(turn=WAITS), NOW)
    assert CreateJob(Step.COLLECT, 1) in collects.actions


def test_a_report_that_is_written_is_read_without_a_turn() -> None:
    runs = {"plan": 1, "shards": [1], "collect": 1}
    builder = batch().shards(3, first_runs=1).status(runs=runs)
    builder.status(shards={"total": 3, "done": 3, "failed": 0})
    done = job(Step.COLLECT, succeeded=True, ready=0, active=0)
    seen = Observation(jobs=(done,), outcomes={done.name: collect_done()}, turn=WAITS)
    assert decide(builder.build(), seen, NOW).status.phase is Phase.COMPLETED


def test_a_batch_that_waits_for_a_repair_without_a_job_holds_nobody_up() -> None:
    builder = batch().shards(3, first_runs=1)
    quota = Observation(obstacle=Obstacle("exceeded quota", NOW, NOW), turn=GRANTED)
    stalled = decide(builder.build(), quota, NOW)
    assert stalled.status.phase is Phase.PROCESSING
    builder.with_status(stalled.status)
    assert recorded(builder) is None
    assert recorded(builder, job(Step.COMPRESS, ready=0, active=1)) == "runs"
    # Its wait is not replaced by one for a turn; the next run needs one.
    waits = decide(builder.build(), Observation(obstacle=quota.obstacle, turn=WAITS), NOW)
    assert reconciling(waits.status).reason is Reason.PODS_BLOCKED
    retried = decide(builder.build(), Observation(turn=WAITS), NOW + timedelta(minutes=10))
    assert reconciling(retried.status).reason is Reason.QUEUED


def test_a_queued_batch_still_says_what_its_last_run_was_refused_for() -> None:
    retry = {"refusals": 2, "nextTime": NOW.isoformat(), "message": "no such bucket"}
    builder = batch().shards(3, first_runs=1).status(retry=retry)
    held = decide(builder.build(), Observation(turn=WAITS), NOW)
    told = reconciling(held.status)
    assert told.reason is Reason.QUEUED
    assert told.message.endswith("Its last run was refused: no such bucket")


# Kueue


def test_a_batch_in_a_queue_of_kueues_counts_under_no_limit() -> None:
    builder = batch().shards(3, first_runs=1).queued()
    assert recorded(builder, RUNNING) is None
    assert wanted_entry(builder.body(), ()) is None
    unlabelled = batch().shards(3, first_runs=1)
    assert recorded(unlabelled, job(Step.COMPRESS, queue="default")) is None
    assert recorded(unlabelled, RUNNING) == "runs"


def test_a_batch_that_leaves_the_queue_while_it_waits_there_needs_a_turn() -> None:
    builder = batch().queued().shards(3, first_runs=1)
    left = job(Step.COMPRESS, queue="team", suspended=True, active=0, ready=0)
    builder.with_status(decide(builder.build(), Observation(jobs=(left,)), NOW).status).queued("")
    assert recorded(builder, left) == "waits"
    assert wanted_entry(builder.body(), (left,)) is not None
    default = job(Step.COMPRESS, queue="default", suspended=True, active=0, ready=0)
    assert recorded(builder, default) is None
    running = job(Step.COMPRESS, queue="team")
    assert recorded(builder, running) is None


def test_a_priority_is_refused_in_kueue_until_one_of_them_is_changed() -> None:
    builder = batch().queued().spec(priority=7)
    refusal = not_acted_on(builder.build())
    assert refusal is not None
    assert (refusal.reason, refusal.permanent) == (Reason.INVALID_SPEC, False)
    assert LABEL_KUEUE_PRIORITY in refusal.message
    waiting = decide(builder.build(), Observation(refusal=refusal), NOW).status
    assert waiting.phase is Phase.PENDING
    stalled = waiting.condition(ConditionType.STALLED)
    assert stalled is not None
    assert stalled.status == "True"
    assert not_acted_on(batch().queued().build()) is None
    assert not_acted_on(batch().spec(priority=7).build()) is None


def test_a_priority_that_comes_late_in_kueue_is_told_to_have_no_effect() -> None:
    builder = batch().shards(3, first_runs=1).queued().spec(priority=7)
    status = decide(builder.build(), Observation(jobs=(RUNNING,)), NOW).status
    accepted = status.condition(ConditionType.ACCEPTED)
    assert accepted is not None
    assert (accepted.status, accepted.reason) == ("False", Reason.INVALID_SPEC)
    assert accepted.message.endswith("; the batch goes on")
    assert status.phase is Phase.PROCESSING


def test_kueues_own_priority_is_copied_onto_the_jobs() -> None:
    builder = batch().queued()
    builder._body["metadata"]["labels"][LABEL_KUEUE_PRIORITY] = "urgent"
    assert priority_label(builder.build()) == {LABEL_KUEUE_PRIORITY: "urgent"}
    assert priority_label(batch().queued().build()) == {}
