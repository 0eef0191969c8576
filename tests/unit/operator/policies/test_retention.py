"""The default TTL and the number of ended batches that are kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from imagebatch_operator.policies.actions import DeleteBatch, DeliverWebhook
from imagebatch_operator.policies.decide import decide
from imagebatch_operator.policies.observed import Observation
from imagebatch_operator.policies.retention import (
    GITOPS_MARKS,
    AwaitedBatches,
    EndedBatches,
    Retention,
    awaits,
    from_git,
)
from unit.operator.builders import NOW, BatchBuilder, batch

DAY = Observation(retention=Retention(ttl=86_400))
SURPLUS = Observation(retention=Retention(surplus=True))


def ended(builder: BatchBuilder | None = None) -> BatchBuilder:
    builder = builder or batch()
    return builder.status(
        phase="Completed", startTime=NOW.isoformat(), completionTime=NOW.isoformat()
    )


def test_the_default_ttl_counts_from_the_end_where_the_batch_has_none_of_its_own() -> None:
    waits = decide(ended().build(), DAY, NOW + timedelta(hours=23))
    assert (waits.actions, waits.requeue_after) == ((), 3600)
    assert decide(ended().build(), DAY, NOW + timedelta(days=1)).actions == (DeleteBatch(),)


@pytest.mark.field("spec.ttlSecondsAfterFinished")
@pytest.mark.parametrize(("own", "gone_after"), [(0, 0), (60, 60), (200_000, 200_000)])
def test_a_batch_has_the_ttl_that_it_asks_for(own: int, gone_after: int) -> None:
    built = ended(batch().spec(ttlSecondsAfterFinished=own)).build()
    just = NOW + timedelta(seconds=gone_after)
    assert decide(built, DAY, just).actions == (DeleteBatch(),)
    if gone_after:
        assert decide(built, DAY, just - timedelta(seconds=1)).actions == ()


def test_a_surplus_batch_goes_once_its_webhook_is_told() -> None:
    assert decide(ended().build(), SURPLUS, NOW).actions == (DeleteBatch(),)
    builder = ended(batch().webhook()).status(webhook={"eventId": "evt_1"})
    assert decide(builder.build(), SURPLUS, NOW).actions == (DeliverWebhook(),)
    told = {"eventId": "evt_1", "attempts": 1, "deliveredTime": NOW.isoformat()}
    assert decide(builder.status(webhook=told).build(), SURPLUS, NOW).actions == (DeleteBatch(),)


def test_a_batch_that_has_not_ended_is_never_deleted() -> None:
    running = batch().shards(3, first_runs=1)
    seen = Observation(retention=Retention(ttl=0, surplus=True))
    assert DeleteBatch() not in decide(running.build(), seen, NOW).actions


@pytest.mark.parametrize("mark", GITOPS_MARKS)
@pytest.mark.parametrize("place", ["labels", "annotations"])
def test_what_argo_cd_and_flux_manage_is_recognised(mark: str, place: str) -> None:
    builder = batch()
    assert not from_git(builder.build())
    builder._body["metadata"][place] = {mark: "shop"}
    assert from_git(builder.build())


# The number that is kept


def record(kept: EndedBatches, name: str, end: int | None, namespace: str = "shop") -> None:
    body: dict[str, Any] = {"status": {}}
    if end is not None:
        body["status"]["completionTime"] = f"2026-01-02T03:{end:02}:00Z"
    kept.put(body, (namespace, name))


def test_the_oldest_ended_batches_of_a_namespace_are_surplus() -> None:
    kept = EndedBatches(keep=2)
    for name, end in (("a", 3), ("b", 1), ("running", None), ("c", 2)):
        record(kept, name, end)
    record(kept, "other", 0, namespace="studio")
    assert kept.due() == [("shop", "b")]
    assert kept.due() == []
    surplus = {name for name in ("a", "b", "c", "running") if kept.is_surplus(("shop", name))}
    assert surplus == {"b"}
    assert not kept.is_surplus(("studio", "other"))
    record(kept, "d", 4)
    assert kept.due() == [("shop", "b"), ("shop", "c")]
    kept.put(None, ("shop", "b"))
    assert kept.due() == [("shop", "c")]


def test_a_batch_made_anew_under_the_name_of_an_ended_one_is_not_surplus() -> None:
    kept = EndedBatches(keep=1)
    record(kept, "a", 1)
    record(kept, "b", 2)
    assert kept.is_surplus(("shop", "a"))
    record(kept, "a", None)
    assert not kept.is_surplus(("shop", "a"))
    assert kept.due() == []


@pytest.mark.parametrize(
    ("other", "waits"),
    [
        (batch().spec(reuseFrom={"name": "spring"}), True),
        (batch().spec(source={"retryOf": {"name": "spring"}}), True),
        (batch().spec(reuseFrom={"name": "winter"}), False),
        (batch().spec(reuseFrom={"name": "spring"}).status(reuse={"uid": "u"}), False),
        (ended(batch().spec(reuseFrom={"name": "spring"})), False),
        (batch(), False),
    ],
)
def test_a_batch_waits_for_the_earlier_one_until_its_status_has_recorded_it(
    other: BatchBuilder, waits: bool
) -> None:
    assert (awaits(other.body()) == "spring") == waits


def test_one_that_several_wait_for_is_released_by_the_last() -> None:
    found = AwaitedBatches()
    body = batch().spec(reuseFrom={"name": "spring"}).body()
    for name in ("a", "b"):
        found.put(body, ("shop", name))
    found.put(body, ("studio", "a"))
    found.put(None, ("shop", "a"))
    assert found.is_awaited(("shop", "spring"))
    assert found.due() == []
    found.put(batch().body(), ("shop", "b"))
    assert not found.is_awaited(("shop", "spring"))
    assert found.is_awaited(("studio", "spring"))
    assert (found.due(), found.due()) == ([("shop", "spring")], [])


@pytest.mark.parametrize("retention", [Retention(surplus=True), Retention(ttl=0)])
def test_neither_its_own_ttl_nor_a_default_deletes_a_batch_that_is_awaited(
    retention: Retention,
) -> None:
    builder = ended(batch().spec(ttlSecondsAfterFinished=0))
    kept = replace(retention, awaited=True)
    later = NOW + timedelta(days=1)
    assert DeleteBatch() in decide(builder.build(), Observation(retention=retention), later).actions
    decision = decide(builder.build(), Observation(retention=kept), later)
    assert (decision.actions, decision.requeue_after) == ((), None)
