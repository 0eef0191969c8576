"""Jobs in a Kueue queue: the Job's own label says so, whatever the batch's says."""

from __future__ import annotations

import pytest

from imagebatch_core.job import Step
from imagebatch_core.names import LABEL_KUEUE_QUEUE
from imagebatch_core.reasons import ConditionType, Reason
from imagebatch_operator.jobs import construct_job
from imagebatch_operator.policies.actions import CreateJob, DeleteJob, PatchJob
from imagebatch_operator.policies.decide import decide
from imagebatch_operator.policies.observed import JobView, Observation
from imagebatch_operator.settings import Settings
from unit.operator.builders import NOW, BatchBuilder, after, batch, job

HELD = job(Step.COMPRESS, queue="default", suspended=True, active=0, ready=0)


def sharded() -> BatchBuilder:
    return batch().shards(3, first_runs=1)


def test_a_job_that_its_namespaces_default_queue_holds_is_left_to_the_queue() -> None:
    decision = decide(sharded().build(), Observation(jobs=(HELD,)), NOW)
    assert decision.actions == ()
    reconciling = decision.status.condition(ConditionType.RECONCILING)
    assert reconciling is not None
    assert (reconciling.reason, reconciling.message) == (
        Reason.QUEUED,
        "held by the queue default",
    )


def test_a_job_stays_its_queues_when_the_label_is_taken_off_the_batch() -> None:
    queued = decide(sharded().queued("default").build(), Observation(jobs=(HELD,)), NOW)
    taken_off = decide(sharded().build(), Observation(jobs=(HELD,)), NOW)
    assert taken_off.actions == queued.actions == ()


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
    assert JobView.from_object(body).queue == "default"


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
