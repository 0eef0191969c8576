"""What is refused by configuration waits until it is mended, and goes on by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from imagebatch_core.job import RunnerMessage, Step
from imagebatch_core.reasons import ConditionType, Phase, Reason
from imagebatch_operator.policies.actions import (
    CreateJob,
    Decision,
    DeleteJob,
    ExplainBlocked,
    ReadOutcome,
)
from imagebatch_operator.policies.decide import decide
from imagebatch_operator.policies.failed_pods import after_look
from imagebatch_operator.policies.observed import (
    JobView,
    Observation,
    Obstacle,
    PodOutcome,
    Refusal,
)
from unit.operator.builders import NOW, BatchBuilder, after, batch, job, plan_done

TEXT = "the object store refuses access to 'x': check the key pair and its rights"


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def refused_by(step: Step) -> PodOutcome:
    return PodOutcome(3, RunnerMessage(step=step, error=TEXT))


class Batch:
    """A batch whose decisions are written, as the reconciler does."""

    def __init__(self, builder: BatchBuilder) -> None:
        self.builder = builder

    def look(self, seconds: float, seen: Observation) -> Decision:
        decision = decide(self.builder.build(), seen, at(seconds))
        after(self.builder, decision.status)
        return decision

    def shows(self) -> tuple[Reason | str, str, str]:
        """Reason and message of Reconciling, and whether Stalled."""
        status = self.builder.build().status
        reconciling = status.condition(ConditionType.RECONCILING)
        stalled = status.condition(ConditionType.STALLED)
        assert reconciling is not None
        assert stalled is not None
        return reconciling.reason, reconciling.message, str(stalled.status)


def refuse(made: Batch, run: int, seconds: float) -> Decision:
    failed = job(Step.PLAN, run=run, failed_pods=1, ready=0, active=0)
    seen = Observation(jobs=(failed,), outcomes={failed.name: refused_by(Step.PLAN)})
    return made.look(seconds, seen)


def planned(**spec: object) -> Batch:
    builder = batch().spec(**spec).status(runs={"plan": 1}, startTime=NOW.isoformat())
    return Batch(builder.status(phase="Processing"))


def test_a_refused_store_stalls_the_batch_and_its_next_run_goes_on_once_it_is_mended() -> None:
    made = planned()
    decision = refuse(made, 1, 0)
    assert decision.status.phase is Phase.PROCESSING
    assert made.shows() == (Reason.CONFIGURATION_REFUSED, TEXT, "True")
    assert decision.actions == (DeleteJob(job(Step.PLAN).name),)
    assert decision.requeue_after == 15

    early = made.look(14, Observation())
    assert (early.actions, early.requeue_after) == ((), 1)
    assert made.shows() == (Reason.CONFIGURATION_REFUSED, TEXT, "True")
    assert made.look(15, Observation()).actions == (CreateJob(Step.PLAN, 2),)

    done = job(Step.PLAN, run=2, succeeded=True, ready=0)
    ended = made.look(20, Observation(jobs=(done,), outcomes={done.name: plan_done()}))
    assert ended.actions == (CreateJob(Step.COMPRESS, 1, shards=3),)
    assert made.shows() == (Reason.COMPRESSING, "0 of 3 shards", "False")
    assert ended.status.retry is None


def test_the_waits_grow_over_the_runs_that_are_refused() -> None:
    made, waits, seconds = planned(), [], 0.0
    for run in range(1, 8):
        wait = refuse(made, run, seconds).requeue_after
        assert wait is not None
        waits.append(wait)
        seconds += wait
        assert made.look(seconds, Observation()).actions == (CreateJob(Step.PLAN, run + 1),)
    assert waits == [15, 30, 60, 120, 240, 300, 300]


def test_it_is_stalled_until_a_pod_lives_for_longer_than_a_refusal_takes() -> None:
    made = planned()
    refuse(made, 1, 0)
    made.look(15, Observation())
    begun = job(Step.PLAN, run=2, started=at(15))
    still = made.look(16, Observation(jobs=(begun,)))
    assert made.shows() == (Reason.CONFIGURATION_REFUSED, TEXT, "True")
    assert still.requeue_after == 29
    made.look(45, Observation(jobs=(begun,)))
    assert made.shows()[0] == Reason.PLANNING
    assert made.shows()[2] == "False"


def test_a_run_that_is_refused_after_its_job_gave_up_is_deleted_as_well() -> None:
    made = planned()
    failed = job(Step.PLAN, failed=True, failed_pods=7, ready=0)
    seen = Observation(jobs=(failed,), outcomes={failed.name: refused_by(Step.PLAN)})
    decision = made.look(0, seen)
    assert decision.status.phase is Phase.PROCESSING
    assert decision.actions == (DeleteJob(failed.name),)


def test_a_refused_input_is_final_nevertheless() -> None:
    made = planned()
    refuse(made, 1, 0)
    made.look(15, Observation())
    failed = job(Step.PLAN, run=2, failed_pods=1, ready=0)
    told = PodOutcome(2, RunnerMessage(step=Step.PLAN, error="no CSV"))
    seen = Observation(jobs=(failed,), outcomes={failed.name: told})
    assert made.look(20, seen).status.phase is Phase.FAILED


@pytest.mark.parametrize(
    ("spec", "phase"),
    [({"cancel": True}, Phase.CANCELLED), ({"activeDeadlineSeconds": 1000}, Phase.FAILED)],
)
def test_only_cancel_and_the_deadline_end_the_wait(spec: dict[str, object], phase: Phase) -> None:
    for asked, expected in ((spec, phase), ({}, Phase.PROCESSING)):
        made = planned(**asked)
        seen = Observation(jobs=(job(Step.PLAN, ready=0),))  # its pod has recorded nothing
        if "cancel" not in asked:
            refuse(made, 1, 0)
            seen = Observation()
        assert made.look(1000, seen).status.phase is expected


def test_a_batch_that_has_ended_announces_no_next_run() -> None:
    made = planned()
    refuse(made, 1, 0)
    assert made.builder.build().status.retry is not None
    made.builder.spec(cancel=True)
    assert made.look(1, Observation()).status.retry is None


def test_the_deadline_wakes_a_batch_that_waits() -> None:
    made = planned(activeDeadlineSeconds=20)
    for run, begin in ((1, 0), (2, 15)):
        decision = refuse(made, run, begin)
        made.look(begin + 15, Observation()) if run == 1 else None
    assert decision.requeue_after == 5


# Shards


REFUSED = refused_by(Step.COMPRESS)


class Shards:
    """A shard Job as its pods fail; each look at them is remembered, as by the observer."""

    def __init__(self) -> None:
        self.made = Batch(batch().shards(4, first_runs=1))
        self.outcome: PodOutcome | None = None
        self.reads = 0

    def look(self, seconds: float, job: JobView, told: PodOutcome = REFUSED) -> Decision:
        decision = self.made.look(seconds, self._seen(job))
        if ReadOutcome(job.name) in decision.actions:
            self.reads += 1
            self.outcome = after_look(self.outcome, told, job, at(seconds))
            decision = self.made.look(seconds, self._seen(job))
        return decision

    def _seen(self, job: JobView) -> Observation:
        outcomes = {job.name: self.outcome} if self.outcome else {}
        return Observation(jobs=(job,), outcomes=outcomes)


FAILING = job(Step.COMPRESS, failed_pods=4, ready=0, active=0)


def test_shards_that_are_refused_again_make_way_for_a_later_run() -> None:
    shards = Shards()
    first = shards.look(0, FAILING)
    assert first.actions == (), "their Job tries again: a key pair may be on its way"
    assert shards.made.shows()[:2] == (
        Reason.RETRYING,
        f"0 of 4 shards; 4 pods failed, the last: {TEXT}",
    )
    second = shards.look(12, replace(FAILING, failed_pods=8))
    assert second.actions == (DeleteJob(FAILING.name),)
    assert second.status.runs is not None
    assert second.status.runs.shards == [2]
    assert shards.made.shows() == (Reason.CONFIGURATION_REFUSED, TEXT, "True")
    assert shards.made.look(27, Observation()).actions == (CreateJob(Step.COMPRESS, 2, shards=4),)


def test_shards_that_were_refused_until_their_job_gave_up_are_not_given_up() -> None:
    """Nobody looked meanwhile: the operator was away for longer than the Job's own retries take."""
    shards = Shards()
    gave_up = replace(FAILING, failed=True, failed_indexes=3, completed_indexes=1, failed_pods=21)
    decision = shards.look(0, gave_up)
    assert decision.actions == (DeleteJob(FAILING.name),)
    assert decision.status.shards is not None
    assert (decision.status.shards.done, decision.status.shards.failed) == (1, 0)
    assert shards.made.shows() == (Reason.CONFIGURATION_REFUSED, TEXT, "True")
    assert shards.made.look(15, Observation()).actions == (CreateJob(Step.COMPRESS, 2, shards=4),)


def test_shards_whose_job_gave_up_for_another_reason_are_given_up() -> None:
    gave_up = replace(FAILING, failed=True, failed_indexes=3, completed_indexes=1, failed_pods=21)
    for told in (PodOutcome(137), PodOutcome()):
        shards = Shards()
        decision = shards.look(0, gave_up, told)
        assert decision.actions == (CreateJob(Step.COLLECT, 1),)
        assert decision.status.shards is not None
        assert decision.status.shards.failed == 3


def test_shards_that_get_further_in_between_go_on() -> None:
    shards = Shards()
    shards.look(0, FAILING)
    further = replace(FAILING, failed_pods=5, completed_indexes=1, ready=3)
    assert shards.look(12, further).actions == ()
    assert shards.made.builder.build().status.retry is None


def test_what_is_done_stays_counted_while_the_next_run_skips_it() -> None:
    shards = Shards()
    shards.look(0, replace(FAILING, failed_pods=0, completed_indexes=3, ready=1))
    shards.look(20, replace(FAILING, completed_indexes=3))
    shards.look(40, replace(FAILING, failed_pods=8, completed_indexes=3))
    for completed, done in ((0, 3), (2, 3), (4, 4)):
        skipping = job(Step.COMPRESS, run=2, completed_indexes=completed)
        status = shards.made.look(60, Observation(jobs=(skipping,))).status
        assert status.shards is not None
        assert status.shards.done == done
        assert (status.retry is None) == (completed == 4), "to skip is not to get further"


def test_what_was_done_before_does_not_end_a_run_that_has_not_ended() -> None:
    """Of 4 shards 3 were done; the next run has them before it, and fails at one of them."""
    made = Batch(batch().shards(4, first_runs=1))
    made.builder.status(shards={"total": 4, "done": 3, "failed": 0})
    running = job(Step.COMPRESS, failed_indexes=1)
    decision = made.look(0, Observation(jobs=(running,)))
    assert decision.actions == ()
    assert decision.status.shards is not None
    assert (decision.status.shards.done, decision.status.shards.failed) == (3, 0)


def test_the_last_error_of_the_shards_pods_is_told_and_looked_up_once_a_failure() -> None:
    shards = Shards()
    crashed = PodOutcome(1, RunnerMessage(step=Step.COMPRESS, error="a fault"))
    failing = job(Step.COMPRESS, failed_pods=1)
    for seconds in (0, 5, 30, 60):
        assert shards.look(seconds, failing, crashed).actions == ()
    assert shards.reads == 1
    assert shards.made.shows() == (
        Reason.RETRYING,
        "0 of 4 shards; 1 pod failed, the last: a fault",
        "False",
    )
    shards.look(61, replace(failing, completed_indexes=1), crashed)
    assert shards.made.shows()[0] == Reason.COMPRESSING
    shards.look(62, replace(failing, completed_indexes=1, failed_pods=2), crashed)
    assert shards.reads == 2
    assert shards.made.shows()[0] == Reason.RETRYING


def test_pods_that_fail_at_once_are_looked_at_every_ten_seconds() -> None:
    shards = Shards()
    crashed = PodOutcome(1, None, "exit code 137 (OOMKilled)")
    for second in range(25):
        decision = shards.look(second, job(Step.COMPRESS, failed_pods=1 + second), crashed)
        assert decision.requeue_after is not None or second % 10 == 0
    assert shards.reads == 3


# Jobs that the API server does not take, or that are blocked


def test_a_job_that_is_not_taken_is_asked_for_less_and_less_often() -> None:
    made = planned()
    quota = Obstacle("exceeded quota", at(0), at(0))
    waiting = made.look(0, Observation(obstacle=quota))
    assert (waiting.actions, waiting.requeue_after) == ((), 15)
    assert made.shows() == (Reason.PODS_BLOCKED, "exceeded quota", "True")
    due = made.look(15, Observation(obstacle=quota))
    assert due.actions == (CreateJob(Step.PLAN, 1),)
    waits = []
    for tried in (0, 60, 200, 1000, 100_000):
        again = made.look(tried, Observation(obstacle=Obstacle("quota", at(0), at(tried))))
        waits.append(again.requeue_after)
    assert waits == [15, 30, 100, 300, 300]


def test_missing_storage_stalls_and_is_asked_for_less_and_less_often() -> None:
    made = Batch(batch())
    refusal = Refusal(Reason.STORAGE_NOT_CONFIGURED, "no ServiceAccount", permanent=False)
    waits = [
        made.look(seconds, Observation(refusal=refusal)).requeue_after
        for seconds in (0, 15, 60, 1000)
    ]
    assert waits == [15, 15, 30, 300]
    assert made.shows() == (Reason.WAITING, "no ServiceAccount", "True")


@pytest.mark.parametrize("reason", [Reason.EARLIER_BATCH_NOT_ENDED, Reason.SOURCE_NOT_FOUND])
def test_what_is_on_its_way_does_not_stall(reason: Reason) -> None:
    made = Batch(batch())
    made.look(0, Observation(refusal=Refusal(reason, "not yet", permanent=False)))
    assert made.shows() == (Reason.WAITING, "not yet", "False")


@pytest.mark.parametrize("step", [Step.PLAN, Step.COMPRESS])
def test_a_blocked_job_that_would_be_made_in_another_way_now_is_replaced(step: Step) -> None:
    made = planned() if step is Step.PLAN else Batch(batch().shards(3, first_runs=1))
    stuck = job(step, ready=0, idle_since=NOW)
    blocked = {stuck.name: "ImagePullBackOff: no such image"}
    seen = Observation(jobs=(stuck,), blocked=blocked)
    assert made.look(60, seen).actions == ()
    assert made.shows() == (Reason.PODS_BLOCKED, blocked[stuck.name], "True")

    changed = replace(seen, outdated=frozenset({stuck.name}))
    decision = made.look(61, changed)
    shards = 3 if step is Step.COMPRESS else 0
    assert decision.actions == (DeleteJob(stuck.name), CreateJob(step, 2, shards=shards))
    assert made.shows()[2] == "False"
    again = job(step, run=2, ready=0, idle_since=at(61))
    assert made.look(62, Observation(jobs=(again,))).actions == ()


def test_an_outdated_job_whose_pods_run_or_start_is_left_alone() -> None:
    for facts in ({}, {"ready": 0, "idle_since": at(30)}):
        running = job(Step.COMPRESS, **facts)
        seen = Observation(jobs=(running,), outdated=frozenset({running.name}))
        assert Batch(batch().shards(3, first_runs=1)).look(60, seen).actions == ()


def test_a_blocked_job_is_explained_before_anything_is_said() -> None:
    stuck = job(Step.PLAN, ready=0, idle_since=NOW)
    decision = planned().look(60, Observation(jobs=(stuck,)))
    assert decision.actions == (ExplainBlocked(stuck.name),)
