"""Jobs in a Kueue queue: the Job's own label says so, whatever the batch's says."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from imagebatch_core.job import RunnerMessage, Step
from imagebatch_core.names import LABEL_KUEUE_PRIORITY, LABEL_KUEUE_QUEUE
from imagebatch_core.reasons import ConditionType, Phase, Reason
from imagebatch_operator.jobs import construct_job, job_patch
from imagebatch_operator.policies.actions import CreateJob, DeleteJob, ExplainBlocked, PatchJob
from imagebatch_operator.policies.decide import decide
from imagebatch_operator.policies.observed import JobView, Look, Observation, PodOutcome
from imagebatch_operator.settings import Settings
from unit.operator.builders import NOW, BatchBuilder, after, batch, job

STARTED = "2026-01-02T03:01:00Z"
HELD = job(Step.COMPRESS, queue="default", suspended=True, active=0, ready=0)


def sharded() -> BatchBuilder:
    return batch().shards(3, first_runs=1)


def queued(step: Step) -> BatchBuilder:
    """A batch in the queue ``team`` whose first Job of this step exists."""
    builder = batch().queued()
    if step is Step.PLAN:
        return builder.status(phase="Pending", startTime=STARTED, runs={"plan": 1})
    builder.shards(3, first_runs=1)
    if step is Step.COMPRESS:
        return builder
    done = {"total": 3, "done": 3, "failed": 0}
    return builder.status(shards=done, runs={"plan": 1, "shards": [1], "collect": 1})


def waiting(step: Step, *, queue: str = "team", **facts: Any) -> JobView:
    return job(step, queue=queue, suspended=True, active=0, ready=0, **facts)


def test_a_job_that_its_namespaces_default_queue_holds_is_left_to_the_queue() -> None:
    decision = decide(sharded().build(), Observation(jobs=(HELD,)), NOW)
    assert decision.actions == ()
    reconciling = decision.status.condition(ConditionType.RECONCILING)
    assert reconciling is not None
    assert (reconciling.reason, reconciling.message) == (
        Reason.QUEUED,
        "waits in the Kueue queue default",
    )


@pytest.mark.parametrize("step", [Step.PLAN, Step.COMPRESS, Step.COLLECT])
def test_a_batch_is_pending_while_its_queue_holds_the_job(step: Step) -> None:
    builder, held = queued(step), waiting(step)
    status = decide(builder.build(), Observation(jobs=(held,)), NOW).status
    assert status.phase is Phase.PENDING
    assert status.start_time is not None, "its Job was requested"
    admitted = replace(held, suspended=False)
    status = decide(builder.build(), Observation(jobs=(admitted,)), NOW).status
    assert status.phase is Phase.PROCESSING


@pytest.mark.parametrize("step", [Step.PLAN, Step.COMPRESS, Step.COLLECT])
@pytest.mark.parametrize("queue", ["other", ""])
def test_a_batch_that_leaves_a_queue_waits_there_no_longer(step: Step, queue: str) -> None:
    held = waiting(step)
    builder = queued(step).queued(queue)
    decision = decide(builder.build(), Observation(jobs=(held,)), NOW)
    shards = 3 if step is Step.COMPRESS else 0
    assert decision.actions == (DeleteJob(held.name), CreateJob(step, 2, shards=shards))
    new = waiting(step, run=2, queue=queue or "default")
    builder = builder.with_status(decision.status)
    assert decide(builder.build(), Observation(jobs=(new,)), NOW).actions == ()


def test_a_job_that_runs_stays_in_its_queue_when_the_label_is_taken_off_the_batch() -> None:
    running = job(Step.COMPRESS, queue="team")
    assert decide(sharded().build(), Observation(jobs=(running,)), NOW).actions == ()


def test_a_waiting_job_gets_the_new_parallelism_and_one_that_runs_does_not() -> None:
    """Lowering it is how a batch that is larger than its queue's quota gets admitted."""
    builder, held = queued(Step.COMPRESS).spec(parallelism=2), waiting(Step.COMPRESS)
    decision = decide(builder.build(), Observation(jobs=(held,)), NOW)
    assert decision.actions == (PatchJob(held.name, parallelism=2),)
    running = replace(held, suspended=False)
    assert decide(builder.build(), Observation(jobs=(running,)), NOW).actions == ()


# Why it waits


def test_a_batch_says_why_its_queue_holds_the_job_once_kueue_has_looked_at_it() -> None:
    held = waiting(Step.COMPRESS)
    early = decide(queued(Step.COMPRESS).build(), Observation(jobs=(held,)), NOW)
    assert (early.actions, early.requeue_after) == ((), 5.0)
    later = NOW + timedelta(seconds=80)
    asks = decide(queued(Step.COMPRESS).build(), Observation(jobs=(held,)), later)
    assert asks.actions == (ExplainBlocked(held.name),)
    seen = Observation(jobs=(held,), blocked={held.name: "LocalQueue team doesn't exist"})
    told = decide(queued(Step.COMPRESS).build(), seen, later)
    assert (told.actions, told.requeue_after) == ((), 40.0)
    reconciling = told.status.condition(ConditionType.RECONCILING)
    assert reconciling is not None
    assert reconciling.reason is Reason.QUEUED
    assert reconciling.message == ("waits in the Kueue queue team: LocalQueue team doesn't exist")
    unknown = decide(
        queued(Step.COMPRESS).build(), Observation(jobs=(held,), blocked={held.name: ""}), later
    ).status.condition(ConditionType.RECONCILING)
    assert unknown is not None
    assert unknown.message == "waits in the Kueue queue team"


def test_a_preempted_job_is_queued_although_some_of_its_pods_failed_before() -> None:
    held = waiting(Step.COMPRESS, failed_pods=2)
    error = RunnerMessage(step=Step.COMPRESS, error="out of memory")
    outcomes = {held.name: PodOutcome(1, error, look=Look(NOW, 2, False, 0))}
    seen = Observation(jobs=(held,), outcomes=outcomes)
    status = decide(queued(Step.COMPRESS).build(), seen, NOW).status
    reconciling = status.condition(ConditionType.RECONCILING)
    assert reconciling is not None
    assert (status.phase, reconciling.reason) == (Phase.PENDING, Reason.QUEUED)


# Kueue's own priority


def test_a_change_of_kueues_priority_is_passed_on_to_a_job_that_waits_or_runs() -> None:
    builder = queued(Step.COMPRESS).labelled(LABEL_KUEUE_PRIORITY, "urgent")
    patch = PatchJob(waiting(Step.COMPRESS).name, priority_class="urgent")
    for made_with in (None, "low"):
        held = waiting(Step.COMPRESS, priority_class=made_with)
        assert decide(builder.build(), Observation(jobs=(held,)), NOW).actions == (patch,)
    running = job(Step.COMPRESS, queue="team", priority_class="low")
    assert decide(builder.build(), Observation(jobs=(running,)), NOW).actions == (patch,)
    assert job_patch(patch) == {"metadata": {"labels": {LABEL_KUEUE_PRIORITY: "urgent"}}}
    for stays in (
        waiting(Step.COMPRESS, priority_class="urgent"),
        job(Step.COMPRESS, queue="team"),  # Kueue refuses a first priority class while it runs
        job(Step.COMPRESS),
    ):
        assert decide(builder.build(), Observation(jobs=(stays,)), NOW).actions == ()


def test_a_waiting_job_whose_priority_is_taken_away_is_replaced() -> None:
    """Kueue refuses to take the label off a Job."""
    held = waiting(Step.COMPRESS, priority_class="low")
    decision = decide(queued(Step.COMPRESS).build(), Observation(jobs=(held,)), NOW)
    assert decision.actions == (DeleteJob(held.name), CreateJob(Step.COMPRESS, 2, shards=3))
    running = replace(held, suspended=False)
    seen = Observation(jobs=(running,))
    assert decide(queued(Step.COMPRESS).build(), seen, NOW).actions == ()


def test_the_priority_is_on_the_job_and_not_on_its_pods() -> None:
    """The hash of the pod template stays the same when it changes."""
    builder = batch().queued().labelled(LABEL_KUEUE_PRIORITY, "urgent")
    body = construct_job(builder.build(), CreateJob(Step.PLAN, 1), Settings(runner_image="r"))
    assert body["metadata"]["labels"][LABEL_KUEUE_PRIORITY] == "urgent"
    assert LABEL_KUEUE_PRIORITY not in body["spec"]["template"]["metadata"]["labels"]
    body["metadata"] |= {"creationTimestamp": NOW.isoformat(), "uid": "uid-of-job"}
    assert JobView.from_object(body).priority_class == "urgent"


def test_a_job_that_no_queue_owns_is_resumed_although_the_batch_got_a_queue_since() -> None:
    suspended = job(Step.COMPRESS, suspended=True, active=0, ready=0)
    decision = decide(sharded().queued().build(), Observation(jobs=(suspended,)), NOW)
    assert decision.actions == (PatchJob(suspended.name, suspend=False),)


@pytest.mark.parametrize("labelled", [True, False])
def test_suspending_deletes_a_job_of_the_default_queue(labelled: bool) -> None:
    running = job(Step.COMPRESS, queue="default")
    builder = sharded().spec(suspend=True)
    decision = decide(
        (builder.queued() if labelled else builder).build(), Observation(jobs=(running,)), NOW
    )
    assert decision.actions == (DeleteJob(running.name),)
    assert decision.status.runs is not None
    assert decision.status.runs.shards == [2]


def test_the_queue_is_read_from_the_job() -> None:
    action = CreateJob(Step.PLAN, 1)
    body = construct_job(batch().build(), action, Settings(runner_image="r"))
    body["metadata"] |= {"creationTimestamp": NOW.isoformat(), "uid": "uid-of-job"}
    assert JobView.from_object(body).queue is None
    body["metadata"]["labels"][LABEL_KUEUE_QUEUE] = "default"
    given = JobView.from_object(body)
    assert (given.queue, given.made_for_queue) == ("default", None)
    asked = construct_job(batch().queued().build(), action, Settings(runner_image="r"))
    body["spec"]["template"] = asked["spec"]["template"]
    assert JobView.from_object(body).made_for_queue == "team"


# Strays


def test_a_run_that_a_suspension_left_behind_goes_when_the_batch_is_resumed() -> None:
    """The operator ended after it had written the next run, before it deleted this one."""
    builder = sharded().queued().spec(suspend=True)
    left = job(Step.COMPRESS, queue="team")
    suspended = decide(builder.build(), Observation(jobs=(left,)), NOW).status
    resumed = after(builder.spec(suspend=False), suspended)
    decision = decide(resumed, Observation(jobs=(left,)), NOW)
    assert decision.actions == (
        DeleteJob(left.name),
        CreateJob(Step.COMPRESS, 2, chunk=0, shards=3),
    )
    current = job(Step.COMPRESS, run=2, queue="team")
    decision = decide(after(builder, decision.status), Observation(jobs=(left, current)), NOW)
    assert decision.actions == (DeleteJob(left.name),)


@pytest.mark.parametrize(
    "stray",
    [
        job(Step.PLAN, run=3),
        job(Step.COMPRESS, run=2),
        job(Step.COMPRESS, chunk=1),
        job(Step.COLLECT),
    ],
)
def test_every_unfinished_job_that_is_not_the_current_run_goes(stray: JobView) -> None:
    current = job(Step.COMPRESS)
    decision = decide(sharded().build(), Observation(jobs=(current, stray)), NOW)
    assert decision.actions == (DeleteJob(stray.name),)


def test_what_has_ended_or_is_on_its_way_out_is_no_stray() -> None:
    ended = job(Step.PLAN, run=3, failed=True)
    going = job(Step.COMPRESS, run=2, deleting=True)
    seen = Observation(jobs=(job(Step.COMPRESS), ended, going))
    assert decide(sharded().build(), seen, NOW).actions == ()


def test_suspending_with_a_stray_beside_the_current_run_counts_one_run() -> None:
    stray, current = job(Step.COMPRESS, queue="team"), job(Step.COMPRESS, run=2, queue="team")
    builder = sharded().queued().spec(suspend=True)
    builder.status(runs={"plan": 1, "shards": [2], "collect": 0})
    for jobs in ((stray, current), (current, stray)):
        decision = decide(builder.build(), Observation(jobs=jobs), NOW)
        assert set(decision.actions) == {DeleteJob(stray.name), DeleteJob(current.name)}
        assert decision.status.runs is not None
        assert decision.status.runs.shards == [3]
