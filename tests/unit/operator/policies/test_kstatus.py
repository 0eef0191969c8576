"""What kstatus, hence Flux, and ``kubectl wait`` read from the conditions, on every path."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, get_args

import pytest

from imagebatch_core.job import RunnerMessage, Step
from imagebatch_core.reasons import ConditionType, Reason
from imagebatch_core.resource import BatchRecord
from imagebatch_core.status import ImageBatchStatus
from imagebatch_operator.policies.decide import decide, stage_of
from imagebatch_operator.policies.facts import Case
from imagebatch_operator.policies.observed import Observation, Obstacle, PodOutcome, Refusal, Turn
from imagebatch_operator.policies.stages import Stage
from imagebatch_operator.policies.status import status_of_unreadable
from support.kstatus import CURRENT, FAILED, IN_PROGRESS, TERMINATING, compute
from unit.operator.builders import NOW, BatchBuilder, batch, collect_done, job, plan_done

PLANNED = job(Step.PLAN, succeeded=True, ready=0, active=0)
COLLECTED = job(Step.COLLECT, succeeded=True, ready=0, active=0)
REFUSED_PLAN = job(Step.PLAN, failed_pods=1, ready=0, active=0)
IDLE = job(Step.COMPRESS, ready=0, idle_since=NOW - timedelta(minutes=2))
HELD = job(Step.COMPRESS, queue="team", suspended=True, ready=0, active=0)


def begun() -> BatchBuilder:
    return batch().status(phase="Processing", startTime="2026-01-02T03:01:00Z", runs={"plan": 1})


def sharded() -> BatchBuilder:
    return batch().shards(3, first_runs=1)


def collecting() -> BatchBuilder:
    runs = {"plan": 1, "shards": [1], "collect": 1}
    return sharded().status(shards={"total": 3, "done": 3, "failed": 0}, runs=runs)


def refused(reason: Reason, *, permanent: bool = False) -> Observation:
    return Observation(refusal=Refusal(reason, "why", permanent))


def plan_ends(code: int) -> Observation:
    message = RunnerMessage(step=Step.PLAN, error="no")
    told = {REFUSED_PLAN.name: PodOutcome(code, message)}
    return Observation(jobs=(REFUSED_PLAN,), outcomes=told)


def collect_ends(failed: int) -> Observation:
    told = {COLLECTED.name: collect_done(succeeded=1500 - failed, failed=failed)}
    return Observation(jobs=(COLLECTED,), outcomes=told)


RUNS = Observation(jobs=(job(Step.COMPRESS),))
#: Each path: the batch before the pass, what is seen, what kstatus then reads, and the reason of
#: Finished if the batch has ended.
PATHS: dict[str, tuple[BatchBuilder, Observation, str, Reason | None]] = {
    "planning": (batch(), Observation(), IN_PROGRESS, None),
    "compressing": (sharded(), RUNS, IN_PROGRESS, None),
    "collecting": (collecting(), Observation(), IN_PROGRESS, None),
    "suspended": (sharded().spec(suspend=True), RUNS, IN_PROGRESS, None),
    "held by a queue": (sharded(), Observation(jobs=(HELD,)), IN_PROGRESS, None),
    "waits for its turn": (batch(), Observation(turn=Turn(False, 3, "")), IN_PROGRESS, None),
    "a pod failed": (begun(), plan_ends(137), IN_PROGRESS, None),
    "waits for its source": (batch(), refused(Reason.SOURCE_NOT_FOUND), IN_PROGRESS, None),
    "waits for a batch": (batch(), refused(Reason.EARLIER_BATCH_NOT_ENDED), IN_PROGRESS, None),
    "awaits confirmation": (
        batch().shards(3).spec(suspendAfter="Plan"),
        Observation(),
        IN_PROGRESS,
        None,
    ),
    "stops after cancel": (sharded().spec(cancel=True), RUNS, IN_PROGRESS, None),
    "stops after its deadline": (
        sharded().spec(activeDeadlineSeconds=1),
        RUNS,
        IN_PROGRESS,
        None,
    ),
    "asks for too much": (batch(), refused(Reason.LIMIT_EXCEEDED), FAILED, None),
    "priority in Kueue": (batch(), refused(Reason.INVALID_SPEC), FAILED, None),
    "no storage": (batch(), refused(Reason.STORAGE_NOT_CONFIGURED), FAILED, None),
    "newer spec": (batch(), refused(Reason.SPEC_NOT_UNDERSTOOD), FAILED, None),
    "store refuses": (begun(), plan_ends(3), FAILED, None),
    "no pod gets ready": (
        sharded(),
        Observation(jobs=(IDLE,), blocked={IDLE.name: "Unschedulable"}),
        FAILED,
        None,
    ),
    "no Job allowed": (
        sharded(),
        Observation(obstacle=Obstacle("exceeded quota", NOW, NOW)),
        FAILED,
        None,
    ),
    "completed": (collecting(), collect_ends(0), CURRENT, Reason.COMPLETED),
    "some failed": (collecting(), collect_ends(3), CURRENT, Reason.COMPLETED_WITH_FAILURES),
    "dry run": (
        begun().spec(dryRun=True),
        Observation(jobs=(PLANNED,), outcomes={PLANNED.name: plan_done()}),
        CURRENT,
        Reason.DRY_RUN_COMPLETED,
    ),
    "cancelled": (batch().spec(cancel=True), Observation(), CURRENT, Reason.CANCELLED),
    "too many failed": (
        collecting().spec(maxFailedPercent=10),
        collect_ends(900),
        FAILED,
        Reason.TOO_MANY_FAILED,
    ),
    "input refused": (begun(), plan_ends(2), FAILED, Reason.INPUT_REFUSED),
    "not allowed": (
        batch(),
        refused(Reason.SOURCE_NOT_ALLOWED, permanent=True),
        FAILED,
        Reason.SOURCE_NOT_ALLOWED,
    ),
    "too late": (
        begun().spec(activeDeadlineSeconds=1),
        Observation(),
        FAILED,
        Reason.DEADLINE_EXCEEDED,
    ),
}


def decided(path: str, now: datetime = NOW) -> dict[str, Any]:
    """The resource after the pass that decides on a path."""
    builder, seen, _, _ = PATHS[path]
    status = decide(builder.build(), seen, now).status
    return {**builder.body(), "status": status.model_dump(mode="json", by_alias=True)}


@pytest.mark.parametrize("path", PATHS)
def test_kstatus_reads_every_path_rightly(path: str) -> None:
    body, wanted = decided(path), PATHS[path][2]
    assert compute(body) == wanted
    body["status"]["conditions"].reverse()
    assert compute(body) == wanted, "the order of the conditions must not matter"


@pytest.mark.parametrize("path", PATHS)
def test_finished_is_true_with_the_reason_of_the_end_and_false_before_it(path: str) -> None:
    status = ImageBatchStatus.model_validate(decided(path)["status"])
    finished, succeeded = (
        status.condition(ConditionType.FINISHED),
        status.condition(ConditionType.SUCCEEDED),
    )
    assert finished is not None
    assert succeeded is not None
    reason = PATHS[path][3]
    assert finished.status == ("True" if reason else "False")
    assert finished.reason == succeeded.reason == (reason or Reason.IN_PROGRESS)
    assert finished.message == succeeded.message


def test_the_paths_cover_every_stage() -> None:
    stages = {type(stage_of(Case.of(b.build(), seen, NOW))) for b, seen, _, _ in PATHS.values()}
    assert {kind.__name__ for kind in get_args(Stage)} - {kind.__name__ for kind in stages} == {
        "Over"  # tested below
    }


@pytest.mark.parametrize("path", [path for path, row in PATHS.items() if row[3]])
def test_a_change_after_the_end_is_in_progress_until_it_is_seen(path: str) -> None:
    body = decided(path)
    body["metadata"]["generation"] += 1
    assert compute(body) == IN_PROGRESS
    builder = batch()
    builder._body = body
    then = decide(builder.build(), Observation(), NOW).status
    body["status"] = then.model_dump(mode="json", by_alias=True)
    assert compute(body) == PATHS[path][2]


def test_a_batch_that_nobody_has_seen_is_in_progress() -> None:
    # The CRD's default of status.
    assert compute(batch().status(observedGeneration=-1).body()) == IN_PROGRESS


def test_a_batch_that_is_being_deleted_is_terminating() -> None:
    assert compute(batch().deleted().body()) == TERMINATING


def test_a_batch_whose_spec_cannot_be_read_has_failed_until_the_operator_is_newer() -> None:
    body = batch().body()
    status = status_of_unreadable(BatchRecord.from_object(body), "spec.output.format", NOW)
    body["status"] = status.model_dump(mode="json", by_alias=True)
    assert compute(body) == FAILED
    finished = status.condition(ConditionType.FINISHED)
    assert finished is not None
    assert finished.status == "False"


def test_a_batch_that_an_older_release_ended_becomes_finished() -> None:
    body = decided("too many failed")
    kept = [c for c in body["status"]["conditions"] if c["type"] != ConditionType.FINISHED]
    builder = batch().status(**{**body["status"], "conditions": kept})
    status = decide(builder.build(), Observation(), NOW).status
    finished = status.condition(ConditionType.FINISHED)
    assert finished is not None
    assert (finished.status, finished.reason) == ("True", Reason.TOO_MANY_FAILED)
