"""The pod of plan goes on with the last shard, and counts as one of the batch's pods."""

from __future__ import annotations

from typing import Any

import pytest

from imagebatch_core.ceilings import Ceilings
from imagebatch_core.job import RunnerMessage, Step
from imagebatch_operator.jobs import construct_job, runner_job
from imagebatch_operator.policies.actions import CreateJob, Decision, DeleteJob, PatchJob
from imagebatch_operator.policies.decide import decide
from imagebatch_operator.policies.observed import JobView, Observation, PodOutcome
from imagebatch_operator.settings import Settings
from unit.operator.builders import NOW, BatchBuilder, batch, job

PLAN = CreateJob(Step.PLAN, 1)
SETTINGS = Settings(
    runner_image="r",
    runner_resources={
        "requests": {"cpu": "1", "memory": "1Gi"},
        "limits": {"memory": "2Gi", "example.com/gpu": 1},
    },
)


def plan_job(**facts: Any) -> JobView:
    return job(Step.PLAN, ahead=True, **facts)


def look(built: BatchBuilder, *jobs: JobView, **seen: Any) -> Decision:
    return decide(built.build(), Observation(jobs=jobs, **seen), NOW)


def planned(shards: int = 4) -> PodOutcome:
    message = RunnerMessage(step=Step.PLAN, products=9, images=2000, shards=shards)
    return PodOutcome(0, message)


def compressing(**spec: Any) -> BatchBuilder:
    return batch().spec(parallelism=4, **spec).shards(4, images=5000, first_runs=1)


def test_the_shard_job_begins_with_a_pod_less_while_plan_works_on_the_last_shard() -> None:
    started = batch().spec(parallelism=4).status(phase="Processing", runs={"plan": 1})
    running = plan_job()
    decision = look(started, running, outcomes={running.name: planned()})
    assert decision.actions == (CreateJob(Step.COMPRESS, 1, shards=4, beside_plan=True),)
    made = construct_job(started.build(), decision.actions[0], SETTINGS)
    assert (made["spec"]["completions"], made["spec"]["parallelism"]) == (4, 3)


def test_the_shard_job_gets_the_pod_of_plan_once_that_has_ended() -> None:
    shards = job(Step.COMPRESS, parallelism=3, active=3, ready=3)
    assert look(compressing(), plan_job(), shards).actions[:1] != (
        PatchJob(shards.name, parallelism=4),
    )
    ended = plan_job(succeeded=True, active=0, ready=0)
    assert look(compressing(), ended, shards).actions == (PatchJob(shards.name, parallelism=4),)
    assert look(compressing(), shards).actions == (PatchJob(shards.name, parallelism=4),)


def test_the_pod_of_plan_that_failed_holds_no_place() -> None:
    shards = job(Step.COMPRESS, parallelism=3, active=3, ready=3)
    failed = plan_job(failed=True, failed_pods=7, active=0, ready=0)
    assert look(compressing(), failed, shards).actions == (PatchJob(shards.name, parallelism=4),)


def test_collect_starts_beside_shards_of_which_plan_does_the_last() -> None:
    shards = job(Step.COMPRESS, parallelism=3, active=3, ready=3)
    decision = look(compressing(), plan_job(), shards)
    assert decision.actions == (CreateJob(Step.COLLECT, 1, waits=True),)


def test_collect_does_not_start_while_a_shard_has_no_pod() -> None:
    shards = job(Step.COMPRESS, parallelism=3, active=2, ready=2)
    assert look(compressing(), plan_job(), shards).actions == ()


def test_a_resumed_batch_does_not_count_on_the_pod_of_plan() -> None:
    shards = job(Step.COMPRESS, parallelism=3, suspended=True, active=0, ready=0)
    actions = look(compressing(), plan_job(suspended=True, active=0, ready=0), shards).actions
    assert PatchJob(shards.name, parallelism=4) in actions


def test_plan_stops_working_ahead_where_the_batch_is_held_after_all() -> None:
    held = (
        batch()
        .spec(parallelism=4, suspendAfter="Plan")
        .status(phase="Processing", runs={"plan": 1})
    )
    running = plan_job()
    decision = look(held, running, outcomes={running.name: planned()})
    assert decision.actions == (DeleteJob(running.name),)


@pytest.mark.parametrize(
    "built",
    [
        batch().spec(parallelism=1),
        batch().spec(dryRun=True),
        batch().spec(suspendAfter="Plan"),
        batch().queued(),
        batch().spec(source={"retryOf": {"name": "earlier"}}),
    ],
)
def test_plan_does_not_go_ahead_where_no_pod_is_to_spare(built: BatchBuilder) -> None:
    made = construct_job(built.build(), PLAN, SETTINGS)
    assert [c["name"] for c in made["spec"]["template"]["spec"]["containers"]] == ["runner"]
    assert not runner_job(built.build(), PLAN).ahead


def test_the_ceiling_of_parallelism_counts() -> None:
    one = Ceilings(parallelism=1)
    assert runner_job(batch().build(), PLAN).ahead
    assert not runner_job(batch().build(), PLAN, one).ahead


def test_the_job_of_plan_says_that_it_goes_ahead_and_has_a_small_relay() -> None:
    made = construct_job(batch().build(), PLAN, SETTINGS)
    made["metadata"] |= {"uid": "u", "creationTimestamp": "2026-01-02T03:04:05Z"}
    assert JobView.from_object(made).ahead
    step, relay = made["spec"]["template"]["spec"]["containers"]
    assert (step["args"], relay["args"]) == (["plan"], ["relay"])
    # A quota may demand what the step has, but of each a little is enough.
    assert relay["resources"] == {
        "requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "64Mi"},
    }  # fmt: skip
    assert relay["securityContext"] == step["securityContext"]
    assert "env" not in relay
    assert "envFrom" not in relay


@pytest.mark.parametrize(
    "action", [CreateJob(Step.COMPRESS, 1, shards=4), CreateJob(Step.COLLECT, 1)]
)
def test_only_plan_has_a_relay(action: CreateJob) -> None:
    made = construct_job(batch().build(), action, SETTINGS)
    assert len(made["spec"]["template"]["spec"]["containers"]) == 1
    assert not runner_job(batch().build(), action).ahead
