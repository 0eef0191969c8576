"""Shards that failed run once more in a Job of just those before they count as failed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from imagebatch_core.job import RunnerMessage, Step
from imagebatch_core.names import ANNOTATION_SHARDS, LABEL_BATCH_UID, LABEL_RUN, LABEL_STEP
from imagebatch_core.reasons import ConditionType, Phase, Reason
from imagebatch_operator.jobs import construct_job
from imagebatch_operator.policies.actions import CreateJob, Decision, DeleteJob, ReadOutcome
from imagebatch_operator.policies.decide import decide
from imagebatch_operator.policies.observed import JobView, Observation, PodOutcome
from imagebatch_operator.runner_document import runner_job
from imagebatch_operator.settings import Settings
from unit.operator.builders import NOW, UID, BatchBuilder, after, batch, job

KILLED = PodOutcome(137, None, "OOMKilled")
FIRST = job(
    Step.COMPRESS, failed=True, completions=5, completed_indexes=3, failed_indexes=2,
    incomplete="1,3", active=0, ready=0, failed_pods=14,
)  # fmt: skip
AGAIN = CreateJob(Step.COMPRESS, 2, chunk=0, shards=2, numbers="1,3")


class Batch:
    """A batch whose status is written after each look."""

    def __init__(self, builder: BatchBuilder | None = None) -> None:
        self.builder = builder or batch().shards(5, first_runs=1)

    def look(self, *jobs: JobView, at: float = 0, **outcomes: PodOutcome) -> Decision:
        told = {one.name: outcomes.get(f"r{one.run}", KILLED) for one in jobs if one.failed}
        seen = Observation(jobs=jobs, outcomes=told)
        decision = decide(self.builder.build(), seen, NOW + timedelta(seconds=at))
        after(self.builder, decision.status)
        return decision

    @property
    def shards(self) -> tuple[int, int]:
        found = self.builder.build().status.shards
        assert found is not None
        return found.done, found.failed


def second(**facts: Any) -> JobView:
    return job(Step.COMPRESS, run=2, shards="1,3", completions=2, **facts)


def test_failed_shards_run_once_more_and_only_then_count_as_failed() -> None:
    made = Batch()
    assert made.look(FIRST).actions == (AGAIN,)
    assert made.shards == (3, 0)
    running = made.look(FIRST, second(completed_indexes=1))
    assert running.actions == ()
    assert made.shards == (4, 0)
    told = running.status.condition(ConditionType.RECONCILING)
    assert told is not None
    assert (told.reason, told.message) == (
        Reason.RETRYING,
        "4 of 5 shards; 2 shards failed and run once more",
    )
    ended = second(failed=True, completed_indexes=1, failed_indexes=1, active=0, ready=0)
    assert made.look(FIRST, ended).actions == (CreateJob(Step.COLLECT, 1),)
    assert made.shards == (4, 1)


def test_a_second_run_that_succeeds_leaves_no_failed_shard() -> None:
    made = Batch()
    made.look(FIRST)
    done = second(succeeded=True, completed_indexes=2, active=0, ready=0)
    assert made.look(FIRST, done).actions == (CreateJob(Step.COLLECT, 1),)
    assert made.shards == (5, 0)


def test_a_crash_before_the_second_job_was_created_asks_for_the_same_one() -> None:
    made = Batch()
    first = made.look(FIRST)
    again = made.look(FIRST)
    assert (again.actions, again.status) == (first.actions, first.status)


def test_the_cause_is_read_first_for_a_refused_store_is_no_failure_of_shards() -> None:
    seen = Observation(jobs=(FIRST,))
    builder = batch().shards(5, first_runs=1)
    assert decide(builder.build(), seen, NOW).actions == (ReadOutcome(FIRST.name),)
    refused = Batch().look(FIRST, r1=PodOutcome(3, RunnerMessage(step=Step.COMPRESS, error="403")))
    assert refused.actions == (DeleteJob(FIRST.name),)
    assert refused.status.retry is not None


def test_a_second_run_that_a_refused_store_ended_begins_again_with_the_same_shards() -> None:
    made = Batch()
    made.look(FIRST)
    refused = second(failed=True, failed_indexes=2, active=0, ready=0)
    answer = PodOutcome(3, RunnerMessage(step=Step.COMPRESS, error="403"))
    assert made.look(FIRST, refused, r2=answer).actions == (DeleteJob(refused.name),)
    third = CreateJob(Step.COMPRESS, 3, chunk=0, shards=2, numbers="1,3")
    assert made.look(FIRST, at=600).actions == (third,)


def test_a_suspension_in_a_queue_resumes_with_the_same_shards() -> None:
    made = Batch(batch().queued().shards(5, first_runs=1))
    made.look(FIRST)
    made.builder.spec(suspend=True)
    assert made.look(FIRST, second(queue="team")).actions == (DeleteJob(second().name),)
    made.builder.spec(suspend=False)
    assert made.look(FIRST).actions == (
        CreateJob(Step.COMPRESS, 3, chunk=0, shards=2, numbers="1,3"),
    )


def test_the_next_job_of_a_large_batch_comes_after_the_second_run_of_the_one_before() -> None:
    made = Batch(batch().shards(15_000, first_runs=1))
    failed = job(
        Step.COMPRESS, failed=True, completions=10_000, completed_indexes=9_990,
        failed_indexes=10, incomplete="5-14", active=0, ready=0,
    )  # fmt: skip
    again = CreateJob(Step.COMPRESS, 2, chunk=0, shards=10, numbers="5-14")
    assert made.look(failed).actions == (again,)
    ended = job(
        Step.COMPRESS, run=2, shards="5-14", failed=True, completions=10, completed_indexes=7,
        failed_indexes=3, active=0, ready=0,
    )  # fmt: skip
    following = CreateJob(Step.COMPRESS, 1, chunk=1, shards=5_000)
    assert made.look(failed, ended).actions == (following,)
    made.look(failed, ended, job(Step.COMPRESS, chunk=1, completed_indexes=100))
    assert made.shards == (10_097, 3)


def test_a_first_job_that_somebody_deletes_meanwhile_takes_no_shard_from_the_count() -> None:
    made = Batch()
    made.look(FIRST)
    made.look(second(completed_indexes=1))
    assert made.shards == (4, 0)
    ended = second(failed=True, completed_indexes=1, failed_indexes=1, active=0, ready=0)
    assert made.look(ended).actions == (CreateJob(Step.COLLECT, 1),)
    assert made.shards == (4, 1)


def test_cancel_of_a_second_run_keeps_what_both_have_done() -> None:
    made = Batch()
    made.look(FIRST)
    made.builder.spec(cancel=True)
    stopping = made.look(FIRST, second())
    assert stopping.actions == (DeleteJob(second().name, after_pods=True),)
    assert stopping.status.phase is Phase.PROCESSING
    assert made.look(FIRST).actions == (CreateJob(Step.COLLECT, 1),)


def test_the_jobs_document_has_the_numbers_of_its_shards_and_so_has_the_job() -> None:
    built = batch().shards(5, first_runs=1).build()
    assert runner_job(built, AGAIN).shards == "1,3"
    assert runner_job(built, CreateJob(Step.COMPRESS, 1, shards=5)).shards is None
    made = construct_job(built, AGAIN, Settings.model_validate({"runner_image": "runner:1"}))
    assert made["spec"]["completions"] == 2
    assert made["metadata"]["annotations"][ANNOTATION_SHARDS] == "1,3"


def test_what_a_job_did_not_complete_is_read_from_its_status_however_it_failed() -> None:
    labels = {LABEL_BATCH_UID: UID, LABEL_STEP: "compress-1", LABEL_RUN: "1"}
    meta = {
        "name": "j",
        "uid": "u",
        "creationTimestamp": "2026-01-02T03:00:00Z",
        "labels": labels,
    }
    body: dict[str, Any] = {
        "metadata": meta,
        "spec": {"completions": 8},
        "status": {
            "conditions": [{"type": "FailureTarget", "status": "True"}],
            "completedIndexes": "0-3,5",
            "failedIndexes": "4",
        },
    }
    assert JobView.from_object(body).incomplete == "10004,10006-10007"
    body["metadata"]["annotations"] = {ANNOTATION_SHARDS: "3-10"}
    view = JobView.from_object(body)
    assert (view.incomplete, view.shards) == ("", "3-10"), "there is no third run"
    body["status"]["conditions"] = []
    del body["metadata"]["annotations"]
    assert JobView.from_object(body).incomplete == ""
