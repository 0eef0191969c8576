from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from imagebatch_core.condition import Condition
from imagebatch_core.job import RunnerMessage, Step
from imagebatch_core.reasons import ConditionType, Phase, Reason
from imagebatch_core.status import ImageBatchStatus
from imagebatch_operator.policies.actions import (
    CreateJob,
    DeleteBatch,
    DeleteJob,
    DeliverWebhook,
    ExplainBlocked,
    PatchJob,
    ReadOutcome,
)
from imagebatch_operator.policies.decide import decide
from imagebatch_operator.policies.observed import Observation, PodOutcome, Refusal
from unit.operator.builders import (
    CSV,
    NOW,
    BatchBuilder,
    after,
    batch,
    collect_done,
    job,
    plan_done,
)

PLAN = job(Step.PLAN)
PLAN_DONE = job(Step.PLAN, succeeded=True, ready=0, active=0)
COLLECT_DONE = job(Step.COLLECT, succeeded=True, ready=0, active=0)


def condition(status: ImageBatchStatus, kind: ConditionType) -> Condition:
    found = status.condition(kind)
    assert found is not None
    return found


def collecting(builder: BatchBuilder, run: int = 1) -> BatchBuilder:
    return builder.shards(3, first_runs=1).status(
        shards={"total": 3, "done": 3, "failed": 0},
        runs={"plan": 1, "shards": [1], "collect": run},
    )


# Plan


def test_first_pass_records_run_1_of_plan_and_asks_for_its_job() -> None:
    decision = decide(batch().build(), Observation(), NOW)
    assert decision.actions == (CreateJob(Step.PLAN, 1),)
    assert decision.status.runs is not None
    assert decision.status.runs.plan == 1
    assert decision.status.phase is Phase.PROCESSING
    assert decision.status.start_time == NOW
    assert decision.status.observed_generation == 1


def test_a_crash_before_the_plan_job_was_created_asks_for_the_same_run_again() -> None:
    builder = batch()
    first = decide(builder.build(), Observation(), NOW)
    second = decide(after(builder, first.status), Observation(), NOW)
    assert second.actions == first.actions
    assert second.status == first.status


def test_a_running_plan_job_is_left_alone() -> None:
    builder = batch()
    first = decide(builder.build(), Observation(), NOW)
    decision = decide(after(builder, first.status), Observation(jobs=(PLAN,)), NOW)
    assert decision.actions == ()
    assert condition(decision.status, ConditionType.RECONCILING).reason is Reason.PLANNING


def test_a_finished_plan_job_has_its_message_read_once_then_shards_start() -> None:
    planned = batch().status(runs={"plan": 1})
    seen = Observation(jobs=(PLAN_DONE,))
    assert decide(planned.build(), seen, NOW).actions == (ReadOutcome(PLAN_DONE.name),)
    read = Observation(jobs=(PLAN_DONE,), outcomes={PLAN_DONE.name: plan_done()})
    decision = decide(planned.build(), read, NOW)
    assert decision.actions == (CreateJob(Step.COMPRESS, 1, chunk=0, shards=3),)
    status = decision.status
    assert status.shards is not None
    assert (status.products, status.shards.total) == (700, 3)
    assert (status.row_problem_count, status.input_sha256) == (2, "cd" * 32)
    assert status.images is not None
    assert (status.images.total, status.images.done) == (1500, 0)
    assert status.shards.images == 500
    assert status.runs is not None
    assert status.runs.shards == [1]


def test_the_end_of_the_plan_pod_is_enough_although_its_job_still_counts_as_running() -> None:
    read = Observation(jobs=(PLAN,), outcomes={PLAN.name: plan_done()})
    decision = decide(batch().status(runs={"plan": 1}).build(), read, NOW)
    assert decision.actions == (CreateJob(Step.COMPRESS, 1, chunk=0, shards=3),)


def test_a_plan_pod_that_collected_ends_the_batch_without_further_jobs() -> None:
    read = Observation(
        jobs=(PLAN_DONE,),
        outcomes={PLAN_DONE.name: plan_done(images=10, shards=1, step=Step.COLLECT)},
    )
    decision = decide(batch().status(runs={"plan": 1}).build(), read, NOW)
    assert decision.status.phase is Phase.COMPLETED
    assert decision.status.shards is not None
    assert (decision.status.shards.done, decision.status.shards.total) == (1, 1)
    assert (decision.status.row_problem_count, decision.status.input_sha256) == (2, "cd" * 32)
    assert not [a for a in decision.actions if isinstance(a, CreateJob)]
    assert decision.requeue_after == 0.0


@pytest.mark.field("spec.dryRun")
def test_dry_run_ends_after_plan() -> None:
    read = Observation(jobs=(PLAN_DONE,), outcomes={PLAN_DONE.name: plan_done()})
    decision = decide(batch().spec(dryRun=True).status(runs={"plan": 1}).build(), read, NOW)
    assert decision.status.phase is Phase.COMPLETED
    succeeded = condition(decision.status, ConditionType.SUCCEEDED)
    assert succeeded.reason is Reason.DRY_RUN_COMPLETED
    assert "1500 images" in succeeded.message


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (None, Reason.INPUT_REFUSED),
        (Reason.SOURCE_NOT_FOUND, Reason.SOURCE_NOT_FOUND),
        ("OfANewerRunner", Reason.INPUT_REFUSED),
    ],
)
def test_a_refusing_plan_pod_ends_the_batch_without_waiting_for_its_retries(
    told: str | None, reason: Reason
) -> None:
    running = job(Step.PLAN, failed_pods=1, ready=0)
    message = RunnerMessage(step=Step.PLAN, error="line 3: no column 'Product Name'", reason=told)
    read = Observation(jobs=(running,), outcomes={running.name: PodOutcome(2, message)})
    planned = batch().status(runs={"plan": 1}).build()
    asked = decide(planned, Observation(jobs=(running,)), NOW)
    assert asked.actions == (ReadOutcome(running.name),)
    decision = decide(planned, read, NOW)
    assert decision.status.phase is Phase.FAILED
    succeeded = condition(decision.status, ConditionType.SUCCEEDED)
    assert (succeeded.reason, succeeded.message) == (reason, "line 3: no column 'Product Name'")
    assert decision.actions == (DeleteJob(running.name),)


def test_the_cause_stays_while_a_job_waits_before_its_next_pod() -> None:
    waiting = job(Step.PLAN, failed_pods=5, active=0, ready=0, idle_since=NOW)
    message = RunnerMessage(step=Step.PLAN, error="the object store does not answer")
    outcomes = {waiting.name: PodOutcome(1, message)}
    planned, later = batch().status(runs={"plan": 1}).build(), NOW + timedelta(seconds=90)
    decision = decide(planned, Observation(jobs=(waiting,), outcomes=outcomes), later)
    assert decision.actions == ()
    assert condition(decision.status, ConditionType.RECONCILING).reason is Reason.RETRYING
    pending = replace(waiting, active=1)
    decision = decide(planned, Observation(jobs=(pending,), outcomes=outcomes), later)
    assert decision.actions == (ExplainBlocked(pending.name),)


def test_a_plan_pod_that_failed_for_another_cause_is_left_to_the_jobs_retries() -> None:
    running = job(Step.PLAN, failed_pods=1)
    read = Observation(jobs=(running,), outcomes={running.name: PodOutcome(1, None)})
    decision = decide(batch().status(runs={"plan": 1}).build(), read, NOW)
    assert decision.status.phase is Phase.PROCESSING
    assert decision.actions == ()


def test_a_plan_job_out_of_retries_fails_the_batch_with_the_last_error() -> None:
    failed = job(Step.PLAN, failed=True, failed_pods=7, ready=0)
    message = RunnerMessage(step=Step.PLAN, error="the store timed out")
    read = Observation(jobs=(failed,), outcomes={failed.name: PodOutcome(1, message)})
    decision = decide(batch().status(runs={"plan": 1}).build(), read, NOW)
    succeeded = condition(decision.status, ConditionType.SUCCEEDED)
    assert succeeded.reason is Reason.PLAN_FAILED
    assert "the store timed out" in succeeded.message


def test_a_lost_plan_message_is_run_again_at_most_three_times() -> None:
    builder = batch().status(runs={"plan": 1})
    for run in (1, 2):
        done = job(Step.PLAN, run=run, succeeded=True, ready=0)
        lost = Observation(jobs=(done,), outcomes={done.name: PodOutcome()})
        decision = decide(builder.build(), lost, NOW)
        assert decision.actions == (CreateJob(Step.PLAN, run + 1),)
        assert decision.status.runs is not None
        assert decision.status.runs.plan == run + 1
        builder.with_status(decision.status)
    done = job(Step.PLAN, run=3, succeeded=True, ready=0)
    lost = Observation(jobs=(done,), outcomes={done.name: PodOutcome()})
    decision = decide(builder.build(), lost, NOW)
    assert condition(decision.status, ConditionType.SUCCEEDED).reason is Reason.RESULT_LOST


def test_suspensions_in_a_queue_do_not_count_as_lost_results() -> None:
    builder = batch().queued()
    status = decide(builder.build(), Observation(), NOW).status
    for run in range(1, 6):
        running = Observation(jobs=(job(Step.PLAN, run=run, queue="team"),))
        suspended = decide(after(builder.spec(suspend=True), status), running, NOW)
        resumed = decide(after(builder.spec(suspend=False), suspended.status), Observation(), NOW)
        assert resumed.actions == (CreateJob(Step.PLAN, run + 1),)
        status = resumed.status
    done = job(Step.PLAN, run=6, succeeded=True, ready=0)
    lost = Observation(jobs=(done,), outcomes={done.name: PodOutcome()})
    decision = decide(after(builder, status), lost, NOW)
    assert decision.actions == (CreateJob(Step.PLAN, 7),), "its first loss"


def test_results_of_plan_that_were_lost_do_not_count_against_collect() -> None:
    planned = batch().status(runs={"plan": 3, "lost": 2})
    done = job(Step.PLAN, run=3, succeeded=True, ready=0)
    read = Observation(jobs=(done,), outcomes={done.name: plan_done()})
    status = decide(planned.build(), read, NOW).status
    assert status.runs is not None
    assert status.runs.lost == 0


def test_a_failed_pods_message_is_never_taken_for_the_result_of_a_succeeded_job() -> None:
    message = RunnerMessage(step=Step.PLAN, error="interrupted")
    read = Observation(jobs=(PLAN_DONE,), outcomes={PLAN_DONE.name: PodOutcome(143, message)})
    decision = decide(batch().status(runs={"plan": 1}).build(), read, NOW)
    assert decision.actions == (CreateJob(Step.PLAN, 2),)


def test_a_step_that_failed_for_a_passing_cause_says_why_it_is_run_again() -> None:
    running = job(Step.COLLECT, failed_pods=1, ready=0)
    message = RunnerMessage(step=Step.COLLECT, error="403 from the object store")
    read = Observation(jobs=(running,), outcomes={running.name: PodOutcome(1, message)})
    decision = decide(collecting(batch()).build(), read, NOW)
    assert decision.status.phase is Phase.PROCESSING
    assert decision.actions == ()
    reconciling = condition(decision.status, ConditionType.RECONCILING)
    assert (reconciling.reason, reconciling.message) == (
        Reason.RETRYING,
        "403 from the object store",
    )


def test_a_collect_message_without_totals_counts_as_lost() -> None:
    read = Observation(
        jobs=(COLLECT_DONE,),
        outcomes={COLLECT_DONE.name: PodOutcome(0, RunnerMessage(step=Step.COLLECT))},
    )
    decision = decide(collecting(batch()).build(), read, NOW)
    assert decision.actions == (CreateJob(Step.COLLECT, 2),)


# Shards


@pytest.mark.parametrize("each", [50, 500, 5000, 100_000])
def test_progress_is_counted_in_whole_shards_and_bounded_by_the_total(each: int) -> None:
    images = 3 * each + 10
    built = batch().shards(4, images=images, first_runs=1, each=each).build()
    running = job(Step.COMPRESS, completed_indexes=3, failed_indexes=0)
    decision = decide(built, Observation(jobs=(running,)), NOW)
    assert decision.status.images is not None
    assert decision.status.images.done == 3 * each
    running = job(Step.COMPRESS, completed_indexes=3, failed_indexes=1, shards="0-3")
    decision = decide(built, Observation(jobs=(running,)), NOW)
    assert decision.status.images is not None
    assert decision.status.images.done == images


def test_all_shards_done_starts_collect() -> None:
    done = job(Step.COMPRESS, succeeded=True, completed_indexes=3, ready=0)
    decision = decide(batch().shards(3, first_runs=1).build(), Observation(jobs=(done,)), NOW)
    assert decision.actions == (CreateJob(Step.COLLECT, 1),)
    assert decision.status.runs is not None
    assert decision.status.runs.collect == 1


def test_a_failed_shards_job_still_goes_on_to_collect_and_counts_its_failed_shards() -> None:
    failed = job(Step.COMPRESS, failed=True, completed_indexes=2, failed_indexes=1, ready=0)
    built, seen = batch().shards(3, first_runs=1).build(), Observation(jobs=(failed,))
    assert decide(built, seen, NOW).actions == (ReadOutcome(failed.name),)
    decision = decide(built, replace(seen, outcomes={failed.name: PodOutcome(137)}), NOW)
    assert decision.actions == (CreateJob(Step.COLLECT, 1),)
    assert decision.status.shards is not None
    assert (decision.status.shards.done, decision.status.shards.failed) == (2, 1)


def test_over_10000_shards_take_several_jobs_one_after_another() -> None:
    builder = batch().shards(25_000)
    first = decide(builder.build(), Observation(), NOW)
    assert first.actions == (CreateJob(Step.COMPRESS, 1, chunk=0, shards=10_000),)
    done0 = job(Step.COMPRESS, succeeded=True, completed_indexes=10_000, ready=0)
    second = decide(after(builder, first.status), Observation(jobs=(done0,)), NOW)
    assert second.actions == (CreateJob(Step.COMPRESS, 1, chunk=1, shards=10_000),)
    running1 = job(Step.COMPRESS, chunk=1, completed_indexes=7)
    third = decide(after(builder, second.status), Observation(jobs=(done0, running1)), NOW)
    assert third.actions == (DeleteJob(done0.name),), "the first is deleted once the second exists"
    assert third.status.shards is not None
    assert third.status.shards.done == 10_007
    done1 = job(Step.COMPRESS, chunk=1, succeeded=True, completed_indexes=10_000, ready=0)
    fourth = decide(after(builder, third.status), Observation(jobs=(done1,)), NOW)
    assert fourth.actions == (CreateJob(Step.COMPRESS, 1, chunk=2, shards=5_000),)
    done2 = job(Step.COMPRESS, chunk=2, succeeded=True, completed_indexes=5_000, ready=0)
    last = decide(after(builder, fourth.status), Observation(jobs=(done1, done2)), NOW)
    assert last.actions == (DeleteJob(done1.name), CreateJob(Step.COLLECT, 1))
    assert last.status.shards is not None
    assert last.status.shards.done == 25_000


def test_failed_shards_of_an_earlier_job_stay_counted() -> None:
    builder = batch().shards(15_000)
    status = decide(builder.build(), Observation(), NOW).status
    done0 = job(Step.COMPRESS, failed=True, completed_indexes=9_990, failed_indexes=10, ready=0)
    outcomes = {done0.name: PodOutcome(137)}
    status = decide(
        after(builder, status), Observation(jobs=(done0,), outcomes=outcomes), NOW
    ).status
    running1 = job(Step.COMPRESS, chunk=1, completed_indexes=5, failed_indexes=2)
    status = decide(after(builder, status), Observation(jobs=(done0, running1)), NOW).status
    assert status.shards is not None
    assert (status.shards.done, status.shards.failed) == (9_995, 10), "two may run once more"
    done1 = job(Step.COMPRESS, chunk=1, failed=True, completed_indexes=4_998, failed_indexes=2)
    seen = Observation(jobs=(done1,), outcomes={done1.name: PodOutcome(137)})
    status = decide(after(builder, status), seen, NOW).status
    assert status.shards is not None
    assert (status.shards.done, status.shards.failed) == (14_988, 12), "though the first is gone"


def test_a_job_that_an_older_release_made_is_deleted_once_its_failures_are_recorded() -> None:
    builder = batch().shards(15_000, first_runs=2)
    done0 = job(Step.COMPRESS, failed=True, completed_indexes=9_990, failed_indexes=10, ready=0)
    running1 = job(Step.COMPRESS, chunk=1)
    seen = Observation(jobs=(done0, running1))
    first = decide(builder.build(), seen, NOW)
    assert first.actions == ()
    second = decide(after(builder, first.status), seen, NOW)
    assert second.actions == (DeleteJob(done0.name),)
    gone = decide(after(builder, second.status), Observation(jobs=(running1,)), NOW).status
    assert gone.shards is not None
    assert (gone.shards.done, gone.shards.failed) == (9_990, 10)


def test_an_ended_shard_job_that_is_gone_is_not_run_again_once_the_next_began() -> None:
    builder = batch().shards(15_000, first_runs=2)
    running1 = job(Step.COMPRESS, chunk=1)
    assert decide(builder.build(), Observation(jobs=(running1,)), NOW).actions == ()


# Elastic and suspend


def test_new_parallelism_patches_the_running_shard_job() -> None:
    running = job(Step.COMPRESS)
    decision = decide(
        batch().shards(3, first_runs=1).spec(parallelism=9).build(),
        Observation(jobs=(running,)),
        NOW,
    )
    assert decision.actions == (PatchJob(running.name, parallelism=9),)


@pytest.mark.field("spec.suspend")
def test_suspend_suspends_the_running_job_and_resume_takes_it_back() -> None:
    builder = batch().shards(3, first_runs=1).spec(suspend=True)
    running = job(Step.COMPRESS)
    decision = decide(builder.build(), Observation(jobs=(running,)), NOW)
    assert decision.actions == (PatchJob(running.name, suspend=True),)
    assert decision.status.phase is Phase.SUSPENDED
    assert condition(decision.status, ConditionType.SUSPENDED).status == "True"
    suspended = job(Step.COMPRESS, suspended=True, active=0, ready=0)
    resumed = decide(
        after(builder.spec(suspend=False), decision.status), Observation(jobs=(suspended,)), NOW
    )
    assert resumed.actions == (PatchJob(running.name, suspend=False),)
    assert resumed.status.phase is Phase.PROCESSING
    assert condition(resumed.status, ConditionType.SUSPENDED).status == "False"


def test_suspended_from_the_start_creates_nothing() -> None:
    decision = decide(batch().spec(suspend=True).build(), Observation(), NOW)
    assert decision.actions == ()
    assert decision.status.phase is Phase.SUSPENDED
    assert decision.status.start_time is None


def test_in_a_queue_suspend_deletes_the_job_and_resume_creates_the_next_run() -> None:
    builder = batch().queued().shards(3, first_runs=1).spec(suspend=True)
    running = job(Step.COMPRESS, queue="team")
    decision = decide(builder.build(), Observation(jobs=(running,)), NOW)
    assert decision.actions == (DeleteJob(running.name),)
    again = decide(after(builder, decision.status), Observation(jobs=(running,)), NOW)
    assert again.status.runs == decision.status.runs, "a crash before the delete counts no run"
    assert again.actions == decision.actions
    deleting = job(Step.COMPRESS, queue="team", deleting=True)
    waiting = decide(after(builder, again.status), Observation(jobs=(deleting,)), NOW)
    assert waiting.actions == ()
    resumed = decide(after(builder.spec(suspend=False), again.status), Observation(), NOW)
    assert resumed.actions == (CreateJob(Step.COMPRESS, 2, chunk=0, shards=3),)


def test_in_a_queue_the_parallelism_of_a_running_job_is_not_written() -> None:
    builder = batch().queued().shards(3, first_runs=1).spec(parallelism=9)
    running = job(Step.COMPRESS, queue="team")
    decision = decide(builder.build(), Observation(jobs=(running,)), NOW)
    assert decision.actions == ()
    assert "next Job" in condition(decision.status, ConditionType.RECONCILING).message


# Ends


def test_collect_completes_the_batch_with_its_totals() -> None:
    read = Observation(jobs=(COLLECT_DONE,), outcomes={COLLECT_DONE.name: collect_done()})
    status = decide(collecting(batch()).build(), read, NOW).status
    assert status.phase is Phase.COMPLETED
    assert status.saved == "61.3%"
    assert status.images is not None
    assert (status.images.succeeded, status.images.done) == (1500, 1500)
    assert status.report is not None
    assert status.completion_time == NOW
    assert status.duration == "3m5s"
    assert condition(status, ConditionType.SUCCEEDED).reason is Reason.COMPLETED
    assert condition(status, ConditionType.RECONCILING).status == "False"
    assert condition(status, ConditionType.STALLED).status == "False"


@pytest.mark.field("spec.maxFailedPercent")
@pytest.mark.parametrize(
    ("limit", "failed", "phase", "reason"),
    [
        (100, 1500, Phase.COMPLETED, Reason.COMPLETED_WITH_FAILURES),
        (10, 150, Phase.COMPLETED, Reason.COMPLETED_WITH_FAILURES),
        (10, 151, Phase.FAILED, Reason.TOO_MANY_FAILED),
        (0, 1, Phase.FAILED, Reason.TOO_MANY_FAILED),
        (0, 0, Phase.COMPLETED, Reason.COMPLETED),
    ],
)
def test_max_failed_percent_is_judged_at_collect(
    limit: int, failed: int, phase: Phase, reason: Reason
) -> None:
    outcome = collect_done(succeeded=1500 - failed, failed=failed)
    read = Observation(jobs=(COLLECT_DONE,), outcomes={COLLECT_DONE.name: outcome})
    status = decide(collecting(batch().spec(maxFailedPercent=limit)).build(), read, NOW).status
    assert (status.phase, condition(status, ConditionType.SUCCEEDED).reason) == (phase, reason)
    assert status.report is not None, "a failed batch has its report too"


@pytest.mark.field("spec.activeDeadlineSeconds")
def test_the_deadline_counts_from_the_start_and_wakes_by_itself() -> None:
    builder = batch().shards(3, first_runs=1).spec(activeDeadlineSeconds=300)
    seen = Observation(jobs=(job(Step.COMPRESS),))
    running = decide(builder.build(), seen, NOW)
    assert running.requeue_after == 115.0
    over = decide(builder.build(), seen, NOW + timedelta(seconds=115))
    assert over.status.ending is not None
    assert over.status.ending.reason is Reason.DEADLINE_EXCEEDED


def test_a_permanent_refusal_fails_the_batch_before_any_job() -> None:
    refusal = Refusal(Reason.SOURCE_NOT_ALLOWED, "not yet", permanent=True)
    decision = decide(batch().build(), Observation(refusal=refusal), NOW)
    accepted = condition(decision.status, ConditionType.ACCEPTED)
    assert (accepted.status, accepted.reason) == ("False", Reason.SOURCE_NOT_ALLOWED)
    assert decision.status.phase is Phase.FAILED
    assert decision.actions == ()


def test_a_refusal_that_may_heal_waits_and_looks_again() -> None:
    refusal = Refusal(Reason.STORAGE_NOT_CONFIGURED, "no ServiceAccount", permanent=False)
    builder = batch()
    waiting = decide(builder.build(), Observation(refusal=refusal), NOW)
    assert waiting.status.phase is Phase.PENDING
    assert waiting.actions == ()
    assert waiting.requeue_after
    healed = decide(after(builder, waiting.status), Observation(), NOW)
    assert condition(healed.status, ConditionType.ACCEPTED).status == "True"
    assert healed.actions == (CreateJob(Step.PLAN, 1),)


def test_a_batch_that_is_being_deleted_is_left_to_the_garbage_collector() -> None:
    decision = decide(batch().deleted().build(), Observation(), NOW)
    assert decision.actions == ()


def test_what_has_ended_is_never_decided_anew() -> None:
    builder = collecting(batch())
    read = Observation(jobs=(COLLECT_DONE,), outcomes={COLLECT_DONE.name: collect_done()})
    ended = decide(builder.build(), read, NOW)
    later = decide(
        after(builder.spec(cancel=True), ended.status), Observation(), NOW + timedelta(days=1)
    )
    assert later.status == ended.status
    assert later.actions == ()


def test_the_end_of_a_batch_of_one_image_is_said_in_the_singular() -> None:
    read = Observation(
        jobs=(COLLECT_DONE,), outcomes={COLLECT_DONE.name: collect_done(succeeded=1)}
    )
    status = decide(collecting(batch()).build(), read, NOW).status
    told = status.condition(ConditionType.SUCCEEDED)
    assert told is not None
    assert told.message == "the only image is done"


# After the end


def test_the_event_is_in_the_status_before_it_is_sent_and_child_jobs_go() -> None:
    builder = collecting(batch().webhook())
    read = Observation(jobs=(COLLECT_DONE,), outcomes={COLLECT_DONE.name: collect_done()})
    ended = decide(builder.build(), read, NOW)
    assert ended.status.webhook is not None
    assert ended.status.webhook.attempts == 0
    assert not [a for a in ended.actions if isinstance(a, DeliverWebhook)]
    then = decide(after(builder, ended.status), Observation(jobs=(COLLECT_DONE,)), NOW)
    assert DeliverWebhook() in then.actions
    assert DeleteJob(COLLECT_DONE.name) in then.actions


def test_the_next_attempt_waits_for_its_time() -> None:
    builder = collecting(batch().webhook())
    read = Observation(jobs=(COLLECT_DONE,), outcomes={COLLECT_DONE.name: collect_done()})
    status = decide(builder.build(), read, NOW).status
    assert status.webhook is not None
    outbox = status.webhook.model_copy(
        update={"attempts": 1, "next_attempt_time": NOW + timedelta(seconds=5)}
    )
    builder.with_status(status.model_copy(update={"webhook": outbox}))
    early = decide(builder.build(), Observation(), NOW)
    assert (early.actions, early.requeue_after) == ((), 5.0)
    due = decide(builder.build(), Observation(), NOW + timedelta(seconds=5))
    assert due.actions == (DeliverWebhook(),)


def test_time_to_live_counts_from_the_end_including_the_webhooks() -> None:
    builder = collecting(batch().webhook().spec(ttlSecondsAfterFinished=60))
    read = Observation(jobs=(COLLECT_DONE,), outcomes={COLLECT_DONE.name: collect_done()})
    status = decide(builder.build(), read, NOW).status
    builder.with_status(status)
    pending = decide(builder.build(), Observation(), NOW + timedelta(seconds=120))
    assert DeleteBatch() not in pending.actions
    assert status.webhook is not None
    delivered = status.webhook.model_copy(
        update={
            "attempts": 2,
            "next_attempt_time": None,
            "last_attempt_time": NOW + timedelta(seconds=100),
            "delivered_time": NOW + timedelta(seconds=100),
        }
    )
    builder.with_status(status.model_copy(update={"webhook": delivered}))
    waiting = decide(builder.build(), Observation(), NOW + timedelta(seconds=120))
    assert (waiting.actions, waiting.requeue_after) == ((), 40.0)
    over = decide(builder.build(), Observation(), NOW + timedelta(seconds=160))
    assert over.actions == (DeleteBatch(),)


# Blocked pods


def test_no_ready_pod_for_a_minute_is_explained() -> None:
    builder = batch().shards(3, first_runs=1)
    stuck = job(Step.COMPRESS, ready=0, idle_since=NOW)
    young = decide(builder.build(), Observation(jobs=(stuck,)), NOW + timedelta(seconds=59))
    assert young.actions == ()
    assert young.requeue_after == 1.0
    later = NOW + timedelta(seconds=60)
    asked = decide(builder.build(), Observation(jobs=(stuck,)), later)
    assert asked.actions == (ExplainBlocked(stuck.name),)
    told = decide(
        builder.build(),
        Observation(jobs=(stuck,), blocked={stuck.name: "Unschedulable: 0/1 nodes"}),
        later,
    )
    reconciling = condition(told.status, ConditionType.RECONCILING)
    assert (reconciling.reason, reconciling.message) == (
        Reason.PODS_BLOCKED,
        "Unschedulable: 0/1 nodes",
    )
    assert told.actions == ()


def test_an_old_job_between_two_pods_is_not_called_blocked() -> None:
    hour = NOW + timedelta(hours=1)
    between = job(Step.COMPRESS, ready=0, completed_indexes=1, idle_since=hour)
    decision = decide(batch().shards(3, first_runs=1).build(), Observation(jobs=(between,)), hour)
    assert decision.actions == ()
    assert decision.requeue_after == 60.0


# Changes after acceptance


def test_a_batch_that_was_refused_stays_refused_when_the_field_is_taken_back() -> None:
    refusal = Refusal(Reason.SOURCE_NOT_ALLOWED, "no", permanent=True)
    builder = batch().spec(source={"s3": {"key": "other/x.csv"}})
    refused = decide(builder.build(), Observation(refusal=refusal), NOW).status
    later = decide(after(builder.spec(source={"inline": CSV}), refused), Observation(), NOW)
    assert condition(later.status, ConditionType.ACCEPTED).status == "False"


# Stability


def test_deciding_again_on_the_same_facts_changes_nothing() -> None:
    builder = batch().shards(3, first_runs=1)
    seen = Observation(jobs=(job(Step.COMPRESS, completed_indexes=1),))
    first = decide(builder.build(), seen, NOW)
    builder.with_status(first.status)
    later = decide(builder.build(), seen, NOW + timedelta(seconds=30))
    assert later.status == builder.build().status, "an equal status is not written"
