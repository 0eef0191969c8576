"""The pods of the shards start while plan runs, where the number of images is known before."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from imagebatch_core.ceilings import Ceilings
from imagebatch_core.job import ExitCode, Step
from imagebatch_core.names import ANNOTATION_IMAGES
from imagebatch_core.reasons import Phase, Reason
from imagebatch_operator.jobs import construct_job
from imagebatch_operator.policies.actions import (
    CreateJob,
    Decision,
    DeleteJob,
    PatchJob,
    ReadOutcome,
)
from imagebatch_operator.policies.decide import decide
from imagebatch_operator.policies.observed import JobView, Observation, Obstacle, PodOutcome
from imagebatch_operator.runner_document import runner_job
from imagebatch_operator.settings import Settings
from unit.operator.builders import NOW, BatchBuilder, batch, collect_done, job, plan_done

#: 1500 images at parallelism 4 are four shards of 375.
FOUR = CreateJob(Step.COMPRESS, 1, shards=4, waits=True)
STUCK: dict[str, Any] = {"ready": 0, "active": 1, "idle_since": NOW - timedelta(seconds=61)}


def counted(images: str = "1500", **spec: Any) -> BatchBuilder:
    built = batch().spec(parallelism=4, **spec).annotated(ANNOTATION_IMAGES, images)
    return built.status(
        phase="Processing",
        startTime="2026-01-02T03:01:00Z",
        runs={"plan": 1, "shards": [], "collect": 0},
    )


def begun(**spec: Any) -> BatchBuilder:
    """The same batch once the early Job of the shards was recorded."""
    return counted(**spec).status(runs={"plan": 1, "shards": [1], "collect": 0})


def shards(**facts: Any) -> JobView:
    waiting = {"completions": 4, "active": 4, "ready": 4, "waits": True}
    return job(Step.COMPRESS, **{**waiting, **facts})


def look(built: BatchBuilder, *jobs: JobView, **seen: Any) -> Decision:
    return decide(built.build(), Observation(jobs=jobs, **seen), NOW)


def run_of_shards(decision: Decision) -> list[int]:
    assert decision.status.runs is not None
    return decision.status.runs.shards


def test_the_pods_of_the_shards_start_once_plan_runs() -> None:
    decision = look(counted(), job(Step.PLAN))
    assert decision.actions == (FOUR,)
    assert run_of_shards(decision) == [1]
    assert decision.status.phase is Phase.PROCESSING
    assert decision.status.shards is None


@pytest.mark.parametrize(
    ("built", "plan"),
    [
        (counted("500"), {}),  # plan's pod does all
        (counted("no"), {}),
        (counted("1" * 10), {}),
        (counted("20001", imagesPerShard=2), {}),  # more shards than one Job may have
        (batch().spec(parallelism=4).status(runs={"plan": 1}), {}),  # nobody counted
        (counted(dryRun=True), {}),
        (counted(suspendAfter="Plan"), {}),
        (counted(source={"retryOf": {"name": "earlier"}}), {}),
        (counted().queued(), {"queue": "team"}),
        (counted(), {"queue": "default"}),
        (counted(), {"ready": 0}),  # plan's pod may want for room
        (counted(), {"failed_pods": 1}),
        (counted(), {"deleting": True}),
    ],
)
def test_otherwise_the_shards_begin_after_plan(built: BatchBuilder, plan: dict[str, Any]) -> None:
    decision = look(built, job(Step.PLAN, **plan))
    assert not [one for one in decision.actions if isinstance(one, CreateJob)]
    assert run_of_shards(decision) == []


def test_a_refused_job_is_not_the_time_for_more_of_them() -> None:
    obstacle = Obstacle("exceeded quota", NOW, NOW)
    assert look(counted(), job(Step.PLAN), obstacle=obstacle).actions == ()


def test_the_number_of_shards_follows_the_ceilings() -> None:
    ceilings = Ceilings.model_validate({"parallelism": 2})
    decision = look(counted(), job(Step.PLAN), ceilings=ceilings)
    assert decision.actions == (CreateJob(Step.COMPRESS, 1, shards=2, waits=True),)


def test_plan_is_told_how_many_shards_start_and_they_are_told_to_wait() -> None:
    built = counted().build()
    assert runner_job(built, CreateJob(Step.PLAN, 1)).expected_shards == 4
    waiting = runner_job(built, FOUR)
    assert waiting.wait
    assert waiting.expected_shards is None
    made = construct_job(built, FOUR, Settings(runner_image="runner:1"))
    view = JobView.from_object(
        {
            **made,
            "metadata": {
                **made["metadata"],
                "uid": "u",
                "creationTimestamp": "2026-01-02T03:04:05Z",
            },
        }
    )
    assert (view.waits, view.completions) == (True, 4)


def test_while_plan_runs_the_shards_are_left_alone() -> None:
    decision = look(begun(), job(Step.PLAN), shards())
    assert decision.actions == ()
    assert run_of_shards(decision) == [1]


def test_a_resumed_batch_resumes_both_jobs() -> None:
    plan, waiting = job(Step.PLAN, suspended=True), shards(suspended=True)
    held = look(begun(suspend=True), job(Step.PLAN), shards())
    assert set(held.actions) == {PatchJob(one.name, suspend=True) for one in (plan, waiting)}
    resumed = look(begun(), plan, waiting)
    assert set(resumed.actions) == {PatchJob(one.name, suspend=False) for one in (plan, waiting)}


def test_the_shards_give_their_room_to_plan() -> None:
    waiting = shards()
    decision = look(begun(), job(Step.PLAN, **STUCK), waiting)
    assert DeleteJob(waiting.name) in decision.actions
    assert run_of_shards(decision) == [2]
    # They come back with the plan, not before.
    later = counted().status(runs={"plan": 1, "shards": [2], "collect": 0})
    assert look(later, job(Step.PLAN)).actions == ()
    planned = look(later, job(Step.PLAN), outcomes={job(Step.PLAN).name: plan_done(shards=4)})
    assert planned.actions == (CreateJob(Step.COMPRESS, 2, shards=4),)


def test_a_failed_pod_of_plan_leaves_the_shards_that_may_have_begun() -> None:
    seen = {"outcomes": {job(Step.PLAN).name: PodOutcome(1, detail="OOMKilled")}}
    for plan in (job(Step.PLAN, failed_pods=1, ready=0), job(Step.PLAN, failed_pods=1)):
        decision = look(begun(), plan, shards(), **seen)
        assert not [one for one in decision.actions if isinstance(one, DeleteJob)]
        assert run_of_shards(decision) == [1]


def test_a_refused_plan_takes_the_shards_with_it() -> None:
    plan, waiting = job(Step.PLAN, failed_pods=1, ready=0), shards()
    refused = PodOutcome(ExitCode.CONFIGURATION_REFUSED, detail="no such bucket")
    decision = look(begun(), plan, waiting, outcomes={plan.name: refused})
    assert DeleteJob(waiting.name) in decision.actions
    assert run_of_shards(decision) == [2]


def test_a_batch_that_is_to_be_held_after_plan_gives_its_pods_back() -> None:
    plan, waiting = job(Step.PLAN), shards()
    decision = look(begun(suspendAfter="Plan"), plan, waiting)
    assert DeleteJob(waiting.name) in decision.actions
    again = counted(suspendAfter="Plan").status(runs={"plan": 1, "shards": [2], "collect": 0})
    seen = {"outcomes": {plan.name: plan_done(shards=4)}}
    held = look(again, plan, replace(waiting, deleting=True), **seen)
    assert held.status.phase is Phase.SUSPENDED
    # Too late: the shards run.
    late = begun(suspendAfter="Plan").shards(4, images=1500, first_runs=1)
    assert look(late, plan, waiting).status.phase is Phase.PROCESSING


def test_the_plan_takes_over_the_pods_that_wait_for_it() -> None:
    plan = job(Step.PLAN)
    decision = look(begun(), plan, shards(), outcomes={plan.name: plan_done(shards=4)})
    assert [one for one in decision.actions if isinstance(one, CreateJob | DeleteJob)] == [
        CreateJob(Step.COLLECT, 1, waits=True)  # all shards have a pod already
    ]
    assert decision.status.shards is not None
    assert (decision.status.shards.total, decision.status.shards.done) == (4, 0)


def test_a_job_that_was_gone_when_the_plan_came_is_created_again() -> None:
    plan = job(Step.PLAN)
    decision = look(begun(), plan, outcomes={plan.name: plan_done(shards=4)})
    assert decision.actions == (CreateJob(Step.COMPRESS, 1, shards=4),)


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"completed_indexes": 4, "active": 0, "ready": 0, "succeeded": True},
        {"completed_indexes": 3, "active": 1, "ready": 1},
        # Its failed shards are none of the plan's.
        {"completed_indexes": 3, "active": 0, "ready": 0, "failed": True, "incomplete": "2"},
    ],
)
def test_a_wrong_number_makes_the_job_again(state: dict[str, Any]) -> None:
    plan, waiting = job(Step.PLAN), shards(**state)
    decision = look(begun(), plan, waiting, outcomes={plan.name: plan_done(shards=3)})
    assert CreateJob(Step.COMPRESS, 2, shards=3) in decision.actions
    assert (DeleteJob(waiting.name) in decision.actions) is not waiting.finished
    assert decision.status.shards is not None
    assert (decision.status.shards.total, decision.status.shards.done) == (3, 0)
    assert run_of_shards(decision) == [2]


def test_a_refused_input_ends_the_batch_and_deletes_the_pods_that_wait() -> None:
    plan, waiting = job(Step.PLAN, ready=0, active=0, failed=True), shards()
    refused = PodOutcome(ExitCode.INPUT_REFUSED, detail="no row has a usable image URL")
    decision = look(begun(), plan, waiting, outcomes={plan.name: refused})
    assert decision.status.phase is Phase.FAILED
    ended = begun().with_status(decision.status)
    deleted = {*decision.actions, *look(ended, plan, waiting).actions}
    assert DeleteJob(waiting.name) in deleted


def test_a_cancel_collects_what_early_pods_recorded() -> None:
    plan = job(Step.PLAN, ready=0, active=0, succeeded=True)
    first = look(begun(cancel=True), plan, shards())
    assert first.actions == (ReadOutcome(plan.name),)
    waiting = job(Step.PLAN, ready=0)
    decision = look(begun(cancel=True), waiting, shards())
    assert DeleteJob(shards().name, after_pods=True) in decision.actions
    assert decision.status.phase is Phase.PROCESSING
    assert decision.status.ending is not None
    assert decision.status.ending.reason == Reason.CANCELLED


def test_a_batch_whose_shards_all_began_early_completes() -> None:
    plan, collect = job(Step.PLAN, succeeded=True), job(Step.COLLECT, waits=True)
    done = (
        begun()
        .shards(4, images=1500, first_runs=1)
        .status(runs={"plan": 1, "shards": [1], "collect": 1})
    )
    decision = look(done, plan, shards(), collect, outcomes={collect.name: collect_done()})
    assert decision.status.phase is Phase.COMPLETED
