"""Collect starts in the place of a pod that has no shard left, and waits for the last images."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from imagebatch_core.job import Step
from imagebatch_core.reasons import Phase
from imagebatch_operator.jobs import construct_job
from imagebatch_operator.policies.actions import CreateJob, Decision, DeleteJob
from imagebatch_operator.policies.decide import decide
from imagebatch_operator.policies.observed import JobView, Observation, PodOutcome
from imagebatch_operator.policies.shards import SHARDS_PER_JOB
from imagebatch_operator.runner_document import runner_job
from imagebatch_operator.settings import Settings
from unit.operator.builders import NOW, BatchBuilder, batch, collect_done, job

WAITING = CreateJob(Step.COLLECT, 1, waits=True)
#: A Job none of whose pods got ready within a minute.
STUCK: dict[str, Any] = {"ready": 0, "idle_since": NOW - timedelta(seconds=61)}


def compressing(**spec: Any) -> BatchBuilder:
    return batch().spec(parallelism=4, **spec).shards(8, first_runs=1)


def begun(**spec: Any) -> BatchBuilder:
    """The same batch once the early collect was recorded."""
    return compressing(**spec).status(runs={"plan": 1, "shards": [1], "collect": 1})


def shards(**facts: Any) -> JobView:
    return job(Step.COMPRESS, **{"completed_indexes": 5, "active": 3, "ready": 3, **facts})


def look(built: BatchBuilder, *jobs: JobView, **seen: Any) -> Decision:
    return decide(built.build(), Observation(jobs=jobs, **seen), NOW)


def test_collect_starts_once_a_pod_of_the_batch_has_nothing_to_do() -> None:
    decision = look(compressing(), shards())
    assert decision.actions == (WAITING,)
    assert decision.status.runs is not None
    assert decision.status.runs.collect == 1
    assert decision.status.phase is Phase.PROCESSING


@pytest.mark.parametrize(
    "facts",
    [
        {"completed_indexes": 3, "active": 4, "ready": 4},  # a shard waits for one of these pods
        {"completed_indexes": 4, "active": 3, "ready": 3},  # a shard waits for a pod
        {"completed_indexes": 5, "active": 3, "ready": 2},  # a pod waits for room
        {"queue": "team"},  # the queue would have to admit it
        {"failed_indexes": 1, "completed_indexes": 3, "active": 3},
    ],
)
def test_collect_does_not_start_early_while_the_pods_are_needed(facts: dict[str, Any]) -> None:
    assert look(compressing(), shards(**facts)).actions == ()


def test_collect_is_not_started_twice() -> None:
    assert look(begun(), shards(), job(Step.COLLECT, waits=True)).actions == ()


def test_collect_whose_creation_was_lost_is_created_again() -> None:
    assert look(begun(), shards()).actions == (WAITING,)


def test_the_report_ends_the_batch_before_the_shard_job_has_ended() -> None:
    collect = job(Step.COLLECT, waits=True)
    ended = look(begun(), shards(), collect, outcomes={collect.name: collect_done()})
    assert ended.status.phase is Phase.COMPLETED
    assert ended.status.shards is not None
    assert (ended.status.shards.done, ended.status.shards.failed) == (8, 0)


def test_a_waiting_collect_goes_on_when_all_shards_are_done() -> None:
    done = shards(succeeded=True, completed_indexes=8, active=0, ready=0)
    assert look(begun(), done, job(Step.COLLECT, waits=True)).actions == ()


def test_a_waiting_collect_is_replaced_when_a_shard_is_given_up() -> None:
    failed = shards(failed=True, completed_indexes=7, failed_indexes=1, active=0, ready=0)
    outcomes = {failed.name: PodOutcome(1, detail="evicted")}
    collect = job(Step.COLLECT, waits=True)
    first = look(begun(), failed, collect, outcomes=outcomes)
    assert first.actions == (DeleteJob(collect.name), CreateJob(Step.COLLECT, 2))


def test_a_waiting_collect_is_replaced_when_the_batch_is_cancelled() -> None:
    collect = job(Step.COLLECT, waits=True)
    cancelled = look(begun(cancel=True), collect)
    assert cancelled.actions == (DeleteJob(collect.name), CreateJob(Step.COLLECT, 2))


def test_a_waiting_collect_that_failed_is_no_failure_of_the_batch() -> None:
    done = shards(succeeded=True, completed_indexes=8, active=0, ready=0)
    collect = job(Step.COLLECT, waits=True, failed=True, active=0, ready=0, failed_pods=7)
    assert look(begun(), done, collect).actions == (CreateJob(Step.COLLECT, 2),)


def test_the_job_tells_the_runner_to_wait_and_the_operator_that_it_does() -> None:
    built = compressing().build()
    made = construct_job(built, WAITING, Settings(runner_image="r"))
    made["metadata"] |= {"uid": "u", "creationTimestamp": "2026-01-02T03:04:05Z"}
    assert JobView.from_object(made).waits
    assert runner_job(built, WAITING).wait
    assert not runner_job(built, CreateJob(Step.COLLECT, 2)).wait


def one_wave(**spec: Any) -> BatchBuilder:
    """A batch whose four shards run all at once."""
    return batch().spec(parallelism=4, **spec).shards(4, images=5000, first_runs=1)


def all_running(**facts: Any) -> JobView:
    return job(Step.COMPRESS, **{"parallelism": 4, "active": 4, "ready": 4, **facts})


def test_collect_starts_beside_the_shards_of_one_wave_because_they_end_together() -> None:
    assert look(one_wave(), all_running()).actions == (WAITING,)


def test_collect_starts_beside_the_last_of_several_waves_once_all_its_pods_are_ready() -> None:
    last_wave = {"completed_indexes": 4, "active": 4}
    assert look(compressing(), shards(**last_wave, ready=3)).actions == ()
    assert look(compressing(), shards(**last_wave, ready=4)).actions == (WAITING,)


def test_collect_starts_beside_the_last_shards_of_the_last_of_several_jobs() -> None:
    total = SHARDS_PER_JOB + 6
    first = shards(succeeded=True, completed_indexes=SHARDS_PER_JOB, active=0, ready=0)
    built = batch().spec(parallelism=4).shards(total, first_runs=2)
    begun_now = shards(chunk=1, completed_indexes=1, active=4, ready=4)
    assert look(built, first, begun_now).actions == ()
    last_wave = shards(chunk=1, completed_indexes=2, active=4, ready=4)
    assert look(built, first, last_wave).actions == (WAITING,)


@pytest.mark.parametrize(
    ("total", "images", "facts"),
    [
        (4, 5000, {"ready": 3}),  # a pod is still starting, or has no room
        (4, 5000, {"active": 3, "ready": 3}),  # a pod is missing
        (8, 5000, {}),  # further shards wait for these pods
    ],
)
def test_collect_is_not_started_beside_shards_that_need_the_room(
    total: int, images: int, facts: dict[str, Any]
) -> None:
    built = batch().spec(parallelism=4).shards(total, images=images, first_runs=1)
    assert look(built, all_running(**facts)).actions == ()


def test_collect_does_not_hold_a_place_for_as_long_as_large_shards_take() -> None:
    shards_of = {"total": 4, "done": 0, "failed": 0, "images": 5001}
    built = one_wave().status(shards=shards_of, images={"total": 20_004, "done": 0})
    assert look(built, all_running()).actions == ()
    assert look(built, all_running(completed_indexes=1, active=3, ready=3)).actions == (WAITING,)


def test_a_waiting_collect_gives_its_room_to_a_shard_whose_pod_cannot_start() -> None:
    collect = job(Step.COLLECT, waits=True)
    seen = {"blocked": {shards().name: "0/1 nodes are available"}}
    first = look(begun(), shards(**STUCK), collect, **seen)
    assert first.actions == (DeleteJob(collect.name),)
    assert first.status.runs is not None
    assert first.status.runs.collect == 2
    gone = begun().status(runs={"plan": 1, "shards": [1], "collect": 2})
    assert look(gone, shards(**STUCK), **seen).actions == ()
    # The pod runs now: collect is started again, as any that was not started yet.
    assert look(gone, shards()).actions == (CreateJob(Step.COLLECT, 2, waits=True),)


def test_a_waiting_collect_stays_while_pods_of_the_shards_are_only_starting() -> None:
    starting = shards(ready=0, idle_since=NOW - timedelta(seconds=20))
    assert look(begun(), starting, job(Step.COLLECT, waits=True)).actions == ()


def test_a_waiting_collect_gives_way_to_shards_that_run_once_more() -> None:
    first = shards(failed=True, completed_indexes=7, failed_indexes=1, active=0, ready=0)
    again = job(
        Step.COMPRESS, run=2, shards="6", completions=1, ready=0, idle_since=STUCK["idle_since"]
    )
    built = begun().status(runs={"plan": 1, "shards": [2], "collect": 1})
    collect = job(Step.COLLECT, waits=True)
    seen = {"outcomes": {first.name: PodOutcome(1, detail="evicted")}, "blocked": {again.name: "x"}}
    assert DeleteJob(collect.name) in look(built, first, again, collect, **seen).actions
