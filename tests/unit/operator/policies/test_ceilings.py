"""A batch over a ceiling is refused, or runs with what is allowed once it has begun."""

from __future__ import annotations

import pytest

from imagebatch_core.ceilings import Ceilings
from imagebatch_core.condition import Condition
from imagebatch_core.job import Step
from imagebatch_core.reasons import ConditionType, Phase, Reason
from imagebatch_core.status import ImageBatchStatus
from imagebatch_operator.admission import not_acted_on
from imagebatch_operator.jobs import construct_job
from imagebatch_operator.policies.actions import CreateJob, PatchJob
from imagebatch_operator.policies.decide import decide
from imagebatch_operator.policies.observed import Observation
from imagebatch_operator.runner_document import runner_job
from imagebatch_operator.settings import Settings
from unit.operator.builders import NOW, after, batch, job

TWENTY = Ceilings(parallelism=20)
PLAN, SHARDS = CreateJob(Step.PLAN, 1), CreateJob(Step.COMPRESS, 1, shards=3)


def accepted(status: ImageBatchStatus) -> Condition:
    found = status.condition(ConditionType.ACCEPTED)
    assert found is not None
    return found


def test_too_many_pods_wait_until_the_field_or_the_ceiling_is_changed() -> None:
    builder = batch().spec(parallelism=21)
    refusal = not_acted_on(builder.build(), TWENTY)
    assert refusal is not None
    assert (refusal.reason, refusal.permanent) == (Reason.LIMIT_EXCEEDED, False)
    seen = Observation(refusal=refusal, ceilings=TWENTY)
    waiting = decide(builder.build(), seen, NOW).status
    stalled = waiting.condition(ConditionType.STALLED)
    assert stalled is not None
    assert (waiting.phase, stalled.status) == (Phase.PENDING, "True")
    lowered = after(builder.spec(parallelism=20), waiting)
    assert not_acted_on(lowered, TWENTY) is None
    begun = decide(lowered, Observation(ceilings=TWENTY), NOW)
    assert (begun.actions, accepted(begun.status).status) == ((PLAN,), "True")


def test_a_size_of_shards_that_is_not_allowed_fails_the_batch() -> None:
    sizes = Ceilings.model_validate({"imagesPerShard": {"from": 50}})
    refusal = not_acted_on(batch().spec(imagesPerShard=1).build(), sizes)
    assert refusal is not None
    assert refusal.permanent
    failed = decide(batch().build(), Observation(refusal=refusal), NOW).status
    finished = failed.condition(ConditionType.FINISHED)
    assert finished is not None
    assert (failed.phase, finished.reason) == (Phase.FAILED, Reason.LIMIT_EXCEEDED)


def test_a_running_batch_gets_what_is_allowed_and_says_so() -> None:
    builder = batch().shards(3, first_runs=1).spec(parallelism=90)
    running = job(Step.COMPRESS, parallelism=90)
    decision = decide(builder.build(), Observation(jobs=(running,), ceilings=TWENTY), NOW)
    assert decision.actions == (PatchJob(running.name, parallelism=20),)
    told = accepted(decision.status)
    assert (told.status, told.reason) == ("False", Reason.LIMIT_EXCEEDED)
    assert told.message.endswith("; the batch goes on with what is allowed")
    assert decision.status.phase is Phase.PROCESSING
    lowered = job(Step.COMPRESS, parallelism=20)
    again = decide(
        after(builder, decision.status), Observation(jobs=(lowered,), ceilings=TWENTY), NOW
    )
    assert (again.actions, again.status) == ((), decision.status)


def test_a_size_that_was_allowed_when_the_batch_began_is_no_longer_judged() -> None:
    sizes = Ceilings.model_validate({"imagesPerShard": {"to": 50}})
    builder = batch().shards(3, first_runs=1).spec(imagesPerShard=500)
    seen = Observation(jobs=(job(Step.COMPRESS),), ceilings=sizes)
    assert accepted(decide(builder.build(), seen, NOW).status).status == "True"


@pytest.mark.parametrize(("ceiling", "pods"), [(None, 4), (20, 4), (2, 2)])
def test_new_jobs_keep_to_the_ceiling(ceiling: int | None, pods: int) -> None:
    settings = Settings(runner_image="r", ceilings=Ceilings(parallelism=ceiling))
    body = construct_job(batch().build(), SHARDS, settings)
    assert body["spec"]["parallelism"] == pods
    assert runner_job(batch().build(), PLAN, settings.ceilings).parallelism == pods


def test_only_plan_is_told_the_ceilings_so_that_no_other_job_is_outdated_by_a_change() -> None:
    assert runner_job(batch().build(), PLAN, TWENTY).ceilings == TWENTY
    assert runner_job(batch().build(), PLAN).ceilings is None
    assert runner_job(batch().build(), SHARDS, TWENTY) == runner_job(batch().build(), SHARDS)
