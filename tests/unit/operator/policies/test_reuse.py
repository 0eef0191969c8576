"""Which earlier batch is taken over, and when it is waited for or refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from imagebatch_core.condition import ConditionStatus
from imagebatch_core.job import RunnerMessage, Step, Totals
from imagebatch_core.reasons import ConditionType, Phase, Reason
from imagebatch_operator.jobs import job_name
from imagebatch_operator.policies.actions import CreateJob
from imagebatch_operator.policies.decide import decide
from imagebatch_operator.policies.observed import Earlier, Observation, PodOutcome, Refusal
from imagebatch_operator.policies.reuse import Find, earlier_batch
from imagebatch_operator.runner_document import runner_job
from unit.operator.builders import NOW, BatchBuilder, after, batch, job

SOON = NOW + timedelta(seconds=59)
LATER = NOW + timedelta(seconds=60)


def reusing(name: str = "winter") -> BatchBuilder:
    return batch().spec(reuseFrom={"name": name})


def known(**bodies: Mapping[str, Any]) -> Find:
    return bodies.get


def body(name: str, phase: str | None = None, reuse: str | None = None) -> dict[str, Any]:
    spec = {"reuseFrom": {"name": reuse}} if reuse else {}
    status = {"phase": phase} if phase else {}
    meta = {
        "name": name,
        "namespace": "shop",
        "uid": f"uid-{name}",
        "creationTimestamp": "2026-01-02T03:00:00Z",
    }
    return {"metadata": meta, "spec": spec, "status": status}


def refused(builder: BatchBuilder, find: Find) -> Refusal:
    found = earlier_batch(builder.build(), find, SOON)
    assert isinstance(found, Refusal)
    return found


@pytest.mark.field("spec.reuseFrom.name")
def test_where_the_earlier_batchs_data_lies_is_taken_from_its_status() -> None:
    restored = body("winter", "Completed")
    restored["status"]["storage"] = "old/shop/uid-before-the-restore/"
    found = earlier_batch(reusing().build(), known(winter=restored), SOON)
    assert found == Earlier("uid-winter", "old/shop/uid-before-the-restore/")


def test_a_batch_that_asks_for_none_has_none() -> None:
    assert earlier_batch(batch().build(), known(), SOON) is None


@pytest.mark.parametrize("phase", ["Completed", "Failed", "Cancelled"])
def test_a_batch_that_has_ended_is_taken_over_however_it_ended(phase: str) -> None:
    find = known(winter=body("winter", phase))
    assert earlier_batch(reusing().build(), find, SOON) == Earlier("uid-winter")


@pytest.mark.parametrize("phase", [None, "Pending", "Processing", "Suspended"])
def test_a_batch_that_has_not_ended_is_waited_for(phase: str | None) -> None:
    found = refused(reusing(), known(winter=body("winter", phase)))
    assert (found.reason, found.permanent) == (Reason.EARLIER_BATCH_NOT_ENDED, False)
    assert "winter has not ended yet" in found.message


def test_a_batch_that_does_not_exist_is_waited_for_a_minute_and_then_refused() -> None:
    builder = reusing()
    found = refused(builder, known())
    assert (found.reason, found.permanent) == (Reason.EARLIER_BATCH_NOT_FOUND, False)
    assert "ImageBatch winter does not exist in shop" in found.message
    waiting = after(builder, decide(builder.build(), Observation(refusal=found), NOW).status)
    for at, over in ((SOON, False), (LATER, True)):
        again = earlier_batch(waiting, known(), at)
        assert isinstance(again, Refusal)
        assert (again.reason, again.permanent) == (Reason.EARLIER_BATCH_NOT_FOUND, over)


def test_a_clock_that_is_ahead_of_the_api_servers_refuses_no_batch_at_once() -> None:
    ahead = NOW + timedelta(days=1)
    found = earlier_batch(reusing().build(), known(), ahead)
    assert isinstance(found, Refusal)
    assert not found.permanent


@pytest.mark.parametrize(
    "others",
    [
        {},
        {"winter": body("winter", None, "spring")},
        {"winter": body("winter", "Pending", "autumn"), "autumn": body("autumn", None, "spring")},
    ],
)
def test_a_batch_that_would_wait_for_itself_is_refused_at_once(
    others: dict[str, dict[str, Any]],
) -> None:
    found = refused(reusing("winter" if others else "spring"), known(**others))
    assert (found.reason, found.permanent) == (Reason.INVALID_SPEC, True)


def test_a_chain_that_has_ended_somewhere_or_turns_elsewhere_is_waited_for() -> None:
    ended = known(winter=body("winter", None, "autumn"), autumn=body("autumn", "Failed", "spring"))
    assert refused(reusing(), ended).reason is Reason.EARLIER_BATCH_NOT_ENDED
    turning = known(winter=body("winter", None, "autumn"), autumn=body("autumn", None, "winter"))
    assert refused(reusing(), turning).reason is Reason.EARLIER_BATCH_NOT_ENDED


def test_a_batch_under_way_that_took_over_an_earlier_one_of_this_name_is_waited_for() -> None:
    """Two names in turn: tonight's spring was applied while last night's winter still runs."""
    under_way = body("winter", "Processing", "spring")
    under_way["status"]["reuse"] = {"uid": "uid of the spring before"}
    found = refused(reusing("winter"), known(winter=under_way))
    assert (found.reason, found.permanent) == (Reason.EARLIER_BATCH_NOT_ENDED, False)


def test_the_uid_is_in_the_status_before_the_plan_job_is_made_with_it() -> None:
    earlier = Earlier("uid-winter", "team/shop/of-winter/")
    decision = decide(reusing().build(), Observation(earlier=earlier), NOW)
    assert decision.actions == (CreateJob(Step.PLAN, 1),)
    written = after(reusing(), decision.status)
    assert written.status.reuse is not None
    told = runner_job(written, CreateJob(Step.PLAN, 1))
    assert (told.reuse_from, told.reuse_root) == ("uid-winter", "team/shop/of-winter/")
    # The next pass looks nothing up any more, and keeps it.
    again = decide(written, Observation(), NOW)
    assert again.status.reuse == written.status.reuse


def test_a_batch_that_waits_for_the_earlier_one_makes_no_job() -> None:
    refusal = Refusal(Reason.EARLIER_BATCH_NOT_ENDED, "winter has not ended", permanent=False)
    decision = decide(reusing().build(), Observation(refusal=refusal), NOW)
    assert decision.actions == ()
    assert decision.requeue_after
    accepted = decision.status.condition(ConditionType.ACCEPTED)
    assert accepted is not None
    assert (accepted.status, accepted.reason) == (
        ConditionStatus.FALSE,
        Reason.EARLIER_BATCH_NOT_ENDED,
    )


def test_what_plan_found_and_what_was_reused_are_told() -> None:
    builder = reusing().status(runs={"plan": 1}, reuse={"uid": "uid-winter"}, phase="Processing")
    plan = job(Step.PLAN, succeeded=True)
    message = RunnerMessage(
        step=Step.COLLECT,
        products=2,
        images=3,
        shards=1,
        reuse="2 of 3 images have an earlier output",
        totals=Totals(succeeded=1, reused=2, bytes_in=9, bytes_out=4),
        report_key="k",
        report_sha256="ab",
    )
    name = job_name(builder.build(), Step.PLAN, 0, 1)
    seen = Observation(jobs=(plan,), outcomes={name: PodOutcome(0, message)})
    status = decide(builder.build(), seen, NOW).status
    assert status.phase is Phase.COMPLETED
    assert status.reuse is not None
    assert (status.reuse.uid, status.reuse.message) == ("uid-winter", message.reuse)
    assert status.images is not None
    assert status.images.reused == 2
    succeeded = status.condition(ConditionType.SUCCEEDED)
    assert succeeded is not None
    assert succeeded.message == "all 3 images are done, 2 of them reused"
