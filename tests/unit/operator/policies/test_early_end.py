"""A batch that is cancelled or over its deadline keeps what its pods have recorded."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from imagebatch_core.job import RunnerMessage, Step, Totals
from imagebatch_core.names import LABEL_KUEUE_QUEUE
from imagebatch_core.reasons import ConditionType, Phase, Reason
from imagebatch_core.status import ImageBatchStatus
from imagebatch_operator.jobs import construct_job
from imagebatch_operator.policies.actions import CreateJob, Decision, DeleteJob, ReadOutcome
from imagebatch_operator.policies.decide import decide
from imagebatch_operator.policies.observed import JobView, Observation, Obstacle, PodOutcome
from imagebatch_operator.runner_document import runner_job
from imagebatch_operator.settings import Settings
from unit.operator.builders import NOW, BatchBuilder, after, batch, job, plan_done

PLAN = job(Step.PLAN)
PLANS_ONLY = job(Step.PLAN, plans_only=True)
SHARDS = job(Step.COMPRESS)
COLLECT = job(Step.COLLECT, succeeded=True, ready=0, active=0)
PARTIAL = PodOutcome(
    0,
    RunnerMessage(
        step=Step.COLLECT,
        products=2,
        images=1500,
        shards=3,
        totals=Totals(succeeded=400, failed=1100, bytes_in=1000, bytes_out=400),
        report_key="shop/x/report.csv",
        report_sha256="ab" * 32,
    ),
)


class Batch:
    """A batch whose status is written after each look."""

    def __init__(self, builder: BatchBuilder) -> None:
        self.builder = builder

    def look(self, *jobs: JobView, now: datetime = NOW, **seen: Any) -> Decision:
        decision = decide(self.builder.build(), Observation(jobs=jobs, **seen), now)
        after(self.builder, decision.status)
        return decision


def cancelled(builder: BatchBuilder | None = None) -> Batch:
    return Batch((builder or batch().shards(3, first_runs=1)).spec(cancel=True))


def end_of(status: ImageBatchStatus) -> tuple[str, str]:
    told = status.condition(ConditionType.SUCCEEDED)
    assert told is not None
    return told.reason, told.message


@pytest.mark.field("spec.cancel")
def test_cancel_stops_the_pods_then_collects_and_then_ends_the_batch() -> None:
    made = cancelled(batch().shards(3, first_runs=1).webhook())
    stopping = made.look(SHARDS)
    assert stopping.actions == (DeleteJob(SHARDS.name, after_pods=True),)
    assert stopping.status.phase is Phase.PROCESSING
    assert stopping.status.ending is not None
    deleting = job(Step.COMPRESS, deleting=True)
    waiting = made.look(deleting, now=NOW + timedelta(seconds=30))
    assert (waiting.actions, waiting.requeue_after) == ((), 60.0)
    assert made.look().actions == (CreateJob(Step.COLLECT, 1),)
    assert made.look(COLLECT).actions == (ReadOutcome(COLLECT.name),)
    ended = made.look(COLLECT, outcomes={COLLECT.name: PARTIAL})
    assert ended.status.phase is Phase.CANCELLED
    assert end_of(ended.status) == (
        Reason.CANCELLED,
        "cancelled by spec.cancel; 400 of 1500 images are done, the report lists all",
    )
    assert ended.status.report is not None
    assert ended.status.images is not None
    assert (ended.status.images.succeeded, ended.status.images.failed) == (400, 1100)
    assert ended.status.shards is not None
    assert ended.status.shards.done == 0
    assert ended.status.webhook is not None
    assert ended.actions == (DeleteJob(COLLECT.name),)


def test_the_deadline_ends_the_batch_as_failed_in_the_same_way() -> None:
    made = Batch(batch().shards(3, first_runs=1).spec(activeDeadlineSeconds=60))
    late = NOW + timedelta(hours=1)
    assert made.look(SHARDS, now=late).actions == (DeleteJob(SHARDS.name, after_pods=True),)
    assert made.look(now=late).actions == (CreateJob(Step.COLLECT, 1),)
    ended = made.look(COLLECT, outcomes={COLLECT.name: PARTIAL}, now=late).status
    assert ended.phase is Phase.FAILED
    reason, message = end_of(ended)
    assert reason == Reason.DEADLINE_EXCEEDED
    assert message.startswith("not finished within activeDeadlineSeconds (60); 400 of 1500 images")


def test_the_first_reason_of_an_early_end_stays() -> None:
    made = Batch(batch().shards(3, first_runs=1).spec(activeDeadlineSeconds=60))
    late = NOW + timedelta(hours=1)
    made.look(SHARDS, now=late)
    made.builder.spec(cancel=True, suspend=True)
    made.look(now=late)
    ended = made.look(COLLECT, outcomes={COLLECT.name: PARTIAL}, now=late).status
    assert end_of(ended)[0] == Reason.DEADLINE_EXCEEDED


def test_a_pod_on_a_lost_node_is_not_waited_for_longer_than_its_grace_period() -> None:
    made = cancelled()
    made.look(SHARDS)
    late = NOW + timedelta(seconds=91)
    stuck = job(Step.COMPRESS, deleting=True)
    assert made.look(stuck, now=late).actions == (CreateJob(Step.COLLECT, 1),)


def test_an_operator_that_was_away_stops_the_pods_before_it_collects() -> None:
    made = cancelled()
    made.look(SHARDS)
    late = NOW + timedelta(hours=1)
    stopping = made.look(SHARDS, now=late)
    assert stopping.actions == (DeleteJob(SHARDS.name, after_pods=True),)
    assert made.look(now=late).actions == (CreateJob(Step.COLLECT, 1),)


def test_collect_of_an_early_end_goes_without_the_batchs_queue_and_names_the_reason() -> None:
    settings = Settings.model_validate({"runner_image": "runner:1"})
    made = cancelled(batch().queued().shards(3, first_runs=1))
    queued = job(Step.COMPRESS, queue="team")
    made.look(queued)
    action = CreateJob(Step.COLLECT, 1)
    assert made.look().actions == (action,)
    built = construct_job(made.builder.build(), action, settings)
    assert LABEL_KUEUE_QUEUE not in built["metadata"]["labels"]
    told = runner_job(made.builder.build(), action).not_processed
    assert told == "not reached before the batch ended early: cancelled by spec.cancel"
    usual = batch().queued().shards(3, first_runs=1).build()
    assert LABEL_KUEUE_QUEUE in construct_job(usual, action, settings)["metadata"]["labels"]
    assert runner_job(usual, action).not_processed is None


def test_a_collect_job_that_its_queue_holds_is_replaced_once() -> None:
    shards = {"total": 3, "done": 3, "failed": 0}
    runs = {"plan": 1, "shards": [1], "collect": 1}
    made = cancelled(batch().queued().shards(3, first_runs=1).status(shards=shards, runs=runs))
    held = job(Step.COLLECT, queue="team", suspended=True, active=0, ready=0)
    first = made.look(held)
    assert first.actions == (DeleteJob(held.name), CreateJob(Step.COLLECT, 2))
    again = job(Step.COLLECT, run=2, queue="default", suspended=True, active=0, ready=0)
    waiting = made.look(again, now=NOW + timedelta(seconds=4))
    assert waiting.actions == ()
    ended = made.look(again, now=NOW + timedelta(minutes=11)).status
    assert ended.phase is Phase.CANCELLED
    assert "there is no report: waits in the Kueue queue default" in end_of(ended)[1]


@pytest.mark.parametrize(
    ("builder", "jobs"),
    [
        (batch(), ()),
        (batch().spec(suspend=True), ()),
        (batch().status(runs={"plan": 1}), (job(Step.PLAN, ready=0, active=0),)),
        (batch().spec(dryRun=True).status(runs={"plan": 1}), (PLAN,)),
        (batch().spec(suspendAfter="Plan").status(runs={"plan": 1}), (PLANS_ONLY,)),
        (batch().shards(3), ()),
    ],
    ids=["new", "suspended", "no pod yet", "dry run", "awaits plan", "awaits confirmation"],
)
def test_a_batch_whose_pods_recorded_nothing_ends_at_once_without_a_report(
    builder: BatchBuilder, jobs: tuple[JobView, ...]
) -> None:
    ended = cancelled(builder).look(*jobs)
    assert ended.status.phase is Phase.CANCELLED
    assert end_of(ended.status) == (Reason.CANCELLED, "cancelled by spec.cancel")
    assert set(ended.actions) == {DeleteJob(one.name) for one in jobs}


def test_the_plan_pod_of_one_shard_may_have_recorded_images() -> None:
    made = cancelled(batch().status(runs={"plan": 1}))
    assert made.look(PLAN).actions == (DeleteJob(PLAN.name, after_pods=True),)
    assert made.look().actions == (CreateJob(Step.COLLECT, 1),)
    ended = made.look(COLLECT, outcomes={COLLECT.name: PARTIAL}).status
    assert ended.phase is Phase.CANCELLED
    assert (ended.products, ended.report is not None) == (2, True)


def test_suspend_after_set_once_the_plan_pod_compresses_does_not_cost_the_report() -> None:
    made = cancelled(batch().spec(suspendAfter="Plan").status(runs={"plan": 1}))
    assert made.look(PLAN).actions == (DeleteJob(PLAN.name, after_pods=True),)
    assert made.look().actions == (CreateJob(Step.COLLECT, 1),)


def test_a_run_that_only_plans_does_not_hide_what_an_earlier_run_recorded() -> None:
    made = cancelled(batch().spec(suspendAfter="Plan").status(runs={"plan": 2}))
    second = job(Step.PLAN, run=2, plans_only=True)
    assert made.look(second).actions == (DeleteJob(second.name, after_pods=True),)


@pytest.mark.parametrize(
    ("spec", "phase"),
    [({"cancel": True}, Phase.CANCELLED), ({"activeDeadlineSeconds": 1}, Phase.COMPLETED)],
)
def test_a_plan_pod_that_did_the_whole_batch_is_read_before_the_batch_ends_early(
    spec: dict[str, Any], phase: Phase
) -> None:
    begun = "2026-01-02T03:01:00Z"
    made = Batch(batch().spec(**spec).status(runs={"plan": 1}, startTime=begun))
    done = job(Step.PLAN, succeeded=True, ready=0, active=0)
    before = decide(made.builder.build(), Observation(jobs=(done,)), NOW)
    assert before.actions == (ReadOutcome(done.name),)
    ended = made.look(done, outcomes={done.name: plan_done(shards=1, step=Step.COLLECT)}).status
    assert (ended.phase, ended.report is not None) == (phase, True)


def test_a_report_that_was_written_before_the_deadline_counts_however_late_the_operator_looks() -> (
    None
):
    shards = {"total": 3, "done": 3, "failed": 0}
    runs = {"plan": 1, "shards": [1], "collect": 1}
    builder = batch().shards(3, first_runs=1).status(shards=shards, runs=runs)
    builder.spec(activeDeadlineSeconds=60)
    seen = Observation(jobs=(COLLECT,))
    late = NOW + timedelta(hours=1)
    assert decide(builder.build(), seen, late).actions == (ReadOutcome(COLLECT.name),)
    read = Observation(jobs=(COLLECT,), outcomes={COLLECT.name: PARTIAL})
    assert decide(builder.build(), read, late).status.phase is Phase.COMPLETED


def test_a_collect_that_finds_no_plan_ends_the_batch_without_a_report() -> None:
    made = cancelled(batch().status(runs={"plan": 1}))
    made.look(PLAN)
    made.look()
    failed = job(Step.COLLECT, failed_pods=1, ready=0)
    message = RunnerMessage(step=Step.COLLECT, error="nothing was planned")
    ended = made.look(failed, outcomes={failed.name: PodOutcome(2, message)}).status
    assert ended.phase is Phase.CANCELLED
    assert end_of(ended)[1] == ("cancelled by spec.cancel; there is no report: nothing was planned")


def test_a_batch_that_waits_for_a_refused_store_is_ended_without_a_report() -> None:
    retry = {"refusals": 3, "nextTime": "2026-01-02T04:00:00Z", "message": "403"}
    made = cancelled(batch().shards(3, first_runs=1).status(retry=retry))
    assert made.look().actions == (CreateJob(Step.COLLECT, 1),), "it is tried once"
    failed = job(Step.COLLECT, failed_pods=1, ready=0)
    message = RunnerMessage(step=Step.COLLECT, error="403 from the store")
    ended = made.look(failed, outcomes={failed.name: PodOutcome(3, message)}).status
    assert ended.phase is Phase.CANCELLED
    assert "there is no report: 403 from the store" in end_of(ended)[1]


def test_a_quota_that_refuses_the_collect_job_for_long_ends_the_batch_without_a_report() -> None:
    made = cancelled()
    made.look(SHARDS)
    waiting = made.look(obstacle=Obstacle("exceeded quota: jobs", NOW, NOW))
    assert (waiting.status.phase, waiting.actions) == (Phase.PROCESSING, ())
    soon = NOW + timedelta(seconds=waiting.requeue_after or 0)
    tried = made.look(obstacle=Obstacle("exceeded quota: jobs", NOW, NOW), now=soon)
    assert tried.actions == (CreateJob(Step.COLLECT, 1),)
    late = NOW + timedelta(minutes=10)
    ended = made.look(obstacle=Obstacle("exceeded quota: jobs", NOW, NOW), now=late).status
    assert ended.phase is Phase.CANCELLED
    assert "there is no report: exceeded quota: jobs" in end_of(ended)[1]


def test_collect_waits_ten_minutes_for_a_new_node() -> None:
    made = cancelled()
    made.look(SHARDS)
    made.look()
    pending = job(Step.COLLECT, ready=0, idle_since=NOW)
    blocked = {pending.name: "0/3 nodes are available: 3 Insufficient cpu"}
    scaling = made.look(pending, blocked=blocked, now=NOW + timedelta(minutes=4))
    assert scaling.status.phase is Phase.PROCESSING
    told = scaling.status.condition(ConditionType.RECONCILING)
    assert told is not None
    assert told.reason == Reason.PODS_BLOCKED
    late = made.look(pending, blocked=blocked, now=NOW + timedelta(minutes=10))
    assert late.status.phase is Phase.CANCELLED
    assert "there is no report: 0/3 nodes are available" in end_of(late.status)[1]


def test_a_batch_that_was_collected_already_ends_with_its_report() -> None:
    shards = {"total": 3, "done": 3, "failed": 0}
    runs = {"plan": 1, "shards": [1], "collect": 1}
    made = cancelled(batch().shards(3, first_runs=1).status(shards=shards, runs=runs))
    ended = made.look(COLLECT, outcomes={COLLECT.name: PARTIAL}).status
    assert ended.phase is Phase.CANCELLED
    assert ended.report is not None


def test_what_a_plan_job_recorded_that_somebody_deleted_is_collected() -> None:
    # The operator was away: it has seen neither the Job's end nor its deletion.
    begun: dict[str, Any] = {"phase": "Processing", "runs": {"plan": 1, "shards": []}}
    gone = cancelled(batch().status(**begun))
    assert CreateJob(Step.COLLECT, 1) in gone.look().actions
    stalled = {"type": "Stalled", "status": "True", "reason": "PodsBlocked", "message": "quota"}
    conditions = [{**stalled, "lastTransitionTime": "2026-01-02T03:04:05Z"}]
    never_made = cancelled(batch().status(**begun, conditions=conditions))
    assert never_made.look().status.phase is Phase.CANCELLED
