"""spec.suspendAfter holds a planned batch until the field is removed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from imagebatch_core.job import Estimate, Step
from imagebatch_core.reasons import ConditionType, Phase, Reason
from imagebatch_operator.policies.actions import CreateJob
from imagebatch_operator.policies.decide import decide
from imagebatch_operator.policies.observed import Observation
from imagebatch_operator.runner_document import runner_job
from unit.operator.builders import NOW, BatchBuilder, after, batch, job, plan_done

PLAN = job(Step.PLAN, succeeded=True, ready=0, active=0)


def held(shards: int = 3, **spec: object) -> tuple[BatchBuilder, Observation]:
    seen = Observation(jobs=(PLAN,), outcomes={PLAN.name: plan_done(shards=shards)})
    return batch().spec(suspendAfter="Plan", **spec).status(runs={"plan": 1}), seen


@pytest.mark.field("spec.suspendAfter")
@pytest.mark.parametrize("shards", [1, 3])
def test_a_planned_batch_is_held_until_the_field_is_removed(shards: int) -> None:
    builder, seen = held(shards)
    waiting = decide(builder.build(), seen, NOW)
    assert waiting.actions == ()
    assert waiting.requeue_after is None
    assert waiting.status.phase is Phase.SUSPENDED
    for kind in (ConditionType.SUSPENDED, ConditionType.RECONCILING):
        told = waiting.status.condition(kind)
        assert told is not None
        assert (told.status, told.reason) == ("True", Reason.AWAITING_CONFIRMATION)
        assert told.message.startswith("700 products, 1500 images; remove spec.suspendAfter")
    assert decide(after(builder, waiting.status), seen, NOW).status == waiting.status
    confirmed = decide(builder.spec(suspendAfter=None).build(), seen, NOW)
    assert confirmed.actions == (CreateJob(Step.COMPRESS, 1, chunk=0, shards=shards),)
    assert confirmed.status.phase is Phase.PROCESSING


def test_the_time_of_waiting_does_not_count_towards_the_deadline() -> None:
    builder, seen = held(activeDeadlineSeconds=300)
    builder.status(phase="Processing", startTime=NOW.isoformat())
    after(builder, decide(builder.build(), seen, NOW + timedelta(seconds=100)).status)
    hours = NOW + timedelta(hours=5)
    assert decide(builder.build(), seen, hours).status.phase is Phase.SUSPENDED
    confirmed = decide(builder.spec(suspendAfter=None).build(), seen, hours)
    assert confirmed.status.phase is Phase.PROCESSING
    assert confirmed.requeue_after == 200


def test_a_batch_whose_first_shard_was_requested_is_past_that_point() -> None:
    builder = batch().spec(suspendAfter="Plan").shards(3, first_runs=1)
    running = Observation(jobs=(job(Step.COMPRESS),))
    assert decide(builder.build(), running, NOW).status.phase is Phase.PROCESSING


def test_only_the_plan_pod_is_told_to_stop_after_plan() -> None:
    built = batch().spec(suspendAfter="Plan").build()
    assert runner_job(built, CreateJob(Step.PLAN, 1)).suspend_after_plan
    assert not runner_job(built, CreateJob(Step.COMPRESS, 1)).suspend_after_plan
    assert not runner_job(batch().build(), CreateJob(Step.PLAN, 1)).suspend_after_plan


def test_the_estimate_of_plan_is_in_the_status() -> None:
    estimate = Estimate(
        images=1400, bytes_in=9000, bytes_out=3000, seconds=60, sampled=24, failed=2
    )
    done = plan_done(shards=3)
    assert done.message is not None
    told = done.message.model_copy(update={"estimate": estimate})
    seen = Observation(jobs=(PLAN,), outcomes={PLAN.name: replace(done, message=told)})
    waiting = decide(held()[0].build(), seen, NOW)
    assert waiting.status.estimate == estimate
