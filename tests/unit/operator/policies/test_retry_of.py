"""spec.source.retryOf: which earlier batches can be retried, and what the Jobs are told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from imagebatch_core.job import Step
from imagebatch_core.reasons import Reason
from imagebatch_core.source import RetryOnly
from imagebatch_operator.policies.actions import CreateJob
from imagebatch_operator.policies.decide import decide
from imagebatch_operator.policies.observed import Earlier, Observation, PodOutcome, Refusal
from imagebatch_operator.policies.reuse import earlier_batch
from imagebatch_operator.runner_document import runner_job
from unit.operator.builders import NOW, BatchBuilder, after, batch, job, plan_done

SHARDS = {"total": 3, "done": 3, "failed": 0}
FAILED = {"total": 9, "done": 9, "succeeded": 7, "kept": 0, "reused": 0, "failed": 2}


def retrying(**only: str) -> BatchBuilder:
    builder = batch()
    return builder.spec(source={"retryOf": {"name": "winter", **only}})


def winter(**status: Any) -> BatchBuilder:
    ended = {"phase": "Completed", "shards": SHARDS, "images": FAILED, "storage": "shop/winter/"}
    return batch().named("winter").status(**(ended | status))


def look(earlier: BatchBuilder | None, builder: BatchBuilder | None = None) -> Any:
    known: Mapping[str, Any] = {"winter": earlier.body()} if earlier else {}
    return earlier_batch((builder or retrying()).build(), known.get, NOW + timedelta(hours=1))


@pytest.mark.field("spec.source.retryOf.name")
@pytest.mark.parametrize("phase", ["Completed", "Failed", "Cancelled"])
def test_a_batch_with_failed_images_can_be_retried_however_it_ended(phase: str) -> None:
    found = look(winter(phase=phase))
    assert found == Earlier(winter().build().uid, "shop/winter/")


def test_a_batch_that_ended_without_a_report_can_be_retried() -> None:
    assert isinstance(look(winter(images={"total": 9, "done": 4})), Earlier)


@pytest.mark.parametrize(
    ("earlier", "reason", "permanent", "words"),
    [
        (
            winter(phase="Processing"),
            Reason.EARLIER_BATCH_NOT_ENDED,
            False,
            "has not ended yet; its failed images are retried then. To retry now",
        ),
        (
            winter(images={**FAILED, "succeeded": 9, "failed": 0}),
            Reason.NOTHING_TO_RETRY,
            True,
            "no image of winter failed",
        ),
        (
            winter().spec(dryRun=True),
            Reason.NOTHING_TO_RETRY,
            True,
            "was a dry run, which compresses nothing: create it without dryRun",
        ),
    ],
)
def test_what_cannot_be_retried_is_refused_with_what_to_do(
    earlier: BatchBuilder, reason: Reason, permanent: bool, words: str
) -> None:
    found = look(earlier)
    assert isinstance(found, Refusal)
    assert (found.reason, found.permanent) == (reason, permanent)
    assert words in found.message


def test_a_batch_that_was_refused_itself_is_named_with_its_reason() -> None:
    refused = batch().named("winter").status(runs={"plan": 1})
    outcome = PodOutcome(2, None, "line 1: no column 'Product Name'")
    plan = job(Step.PLAN, failed_pods=1, ready=0)
    ended = decide(refused.build(), Observation(jobs=(plan,), outcomes={plan.name: outcome}), NOW)
    found = look(refused.with_status(ended.status))
    assert isinstance(found, Refusal)
    assert (found.reason, found.permanent) == (Reason.NOTHING_TO_RETRY, True)
    assert "ended before it was planned (InputRefused: line 1: no column" in found.message


def test_a_batch_that_is_gone_is_refused_with_a_pointer_to_its_failed_rows() -> None:
    builder = retrying()
    found = look(None, builder)
    assert isinstance(found, Refusal)
    assert (found.reason, found.permanent) == (Reason.EARLIER_BATCH_NOT_FOUND, False)
    assert "/api/download/winter?format=failed" in found.message
    waiting = decide(builder.build(), Observation(refusal=found), NOW).status
    later = look(None, builder.with_status(waiting))
    assert isinstance(later, Refusal)
    assert later.permanent


def test_a_retry_of_a_retry_names_where_all_its_outputs_lie() -> None:
    taken = {
        "uid": "uid-of-autumn",
        "storage": "team/shop/of-autumn/",
        "images": 5,
        "outputs": ["of-a"],
    }
    builder = retrying()
    found = look(winter(reuse=taken))
    assert found.outputs == ("of-a", "of-autumn")
    status = decide(builder.build(), Observation(earlier=found), NOW).status
    assert status.reuse is not None
    assert status.reuse.outputs == ["of-a", "of-autumn"]
    reused = {"uid": "uid-of-autumn", "storage": "shop/autumn/"}
    assert look(winter(reuse=reused)).outputs == (), "reused outputs were copied"
    longest = look(winter(reuse={**taken, "outputs": ["of-a"] * 50}))
    assert isinstance(longest, Refusal)
    assert "upload its failed rows anew" in longest.message


def test_a_retry_of_itself_is_refused() -> None:
    found = earlier_batch(batch().spec(source={"retryOf": {"name": "spring"}}).build(), {}.get, NOW)
    assert isinstance(found, Refusal)
    assert found.reason is Reason.INVALID_SPEC


@pytest.mark.field("spec.source.retryOf.only")
def test_the_jobs_are_told_what_to_retry_and_where() -> None:
    builder = retrying(only="retryable")
    earlier = Earlier("uid-winter", "shop/winter/")
    decision = decide(builder.build(), Observation(earlier=earlier), NOW)
    assert decision.actions == (CreateJob(Step.PLAN, 1),)
    for step in Step:
        told = runner_job(after(builder, decision.status), CreateJob(step, 1))
        assert told.source.retry is RetryOnly.RETRYABLE
        assert (told.reuse_from, told.reuse_root) == ("uid-winter", "shop/winter/")


def test_progress_of_a_retry_begins_with_the_images_that_stay() -> None:
    plan = job(Step.PLAN, succeeded=True, ready=0)
    told = plan_done(images=1000, shards=4)
    assert told.message is not None
    told = PodOutcome(
        0, told.message.model_copy(update={"carried": 900, "reuse": "100 are retried"})
    )
    builder = retrying().status(runs={"plan": 1}, reuse={"uid": "uid-winter"})
    seen = Observation(jobs=(plan,), outcomes={plan.name: told})
    planned = decide(builder.build(), seen, NOW).status
    assert planned.images is not None
    assert planned.images.done == 900
    assert planned.reuse is not None
    assert (planned.reuse.images, planned.reuse.message) == (900, "100 are retried")
    running = Observation(jobs=(job(Step.COMPRESS, completed_indexes=1),))
    status = decide(after(builder, planned), running, NOW).status
    assert status.images is not None
    assert (status.images.done, status.images.total) == (925, 1000)
