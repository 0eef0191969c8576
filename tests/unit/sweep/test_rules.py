"""Claims about what the sweeper may remove, by a listing, the living batches and the time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagebatch_core.owner import Owner
from imagebatch_core.spec import DeletionPolicy
from imagebatch_sweep.living import Living
from imagebatch_sweep.memory import Memory
from imagebatch_sweep.rules import (
    BatchData,
    Decision,
    Limits,
    ListedRecord,
    Listing,
    Unfinished,
    decide,
)

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LIMITS = Limits(deleted=HOUR, uploads=DAY, sources=7 * DAY, unfinished=DAY, history=365 * DAY)
UID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
OTHER = "0b9e6679-7425-40de-944b-e07fc1f90ae7"
ROOT = f"shop/{UID}/"
UPLOAD = "shop/uploads/1/a.csv"
ENDED = {"completionTime": "2026-11-01T00:00:00Z"}


def owner(policy: str = "Delete", **changed: str) -> Owner:
    named = {"namespace": "shop", "name": "spring", "uid": UID, "deletionPolicy": policy}
    return Owner.model_validate(named | changed)


def data(policy: str = "Delete", **changed: Any) -> BatchData:
    made = BatchData(UID, owner(policy), written=NOW - 30 * DAY)
    return replace(made, **changed)


def body(uid: str = OTHER, name: str = "other", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "uid": uid}, "spec": spec, "status": {}}


@dataclass
class Bucket:
    """Runs the rules once an hour, as the CronJob does, and remembers what they ask for."""

    listing: Listing
    memory: Memory = field(default_factory=Memory)
    now: datetime = NOW

    def run(self, *bodies: dict[str, Any], after: timedelta = HOUR) -> Decision:
        made = decide(self.listing, Living.of(bodies), self.memory, LIMITS, self.now)
        self.memory, self.now = made.memory, self.now + after
        return made


def holding(**listing: Any) -> Bucket:
    return Bucket(Listing(namespace="shop", **listing))


# Batches


def test_a_deleted_batch_goes_once_it_has_been_gone_for_the_time_set() -> None:
    bucket = holding(batches={ROOT: data()})
    assert bucket.run().roots == ()
    assert bucket.run().roots == (ROOT,)


def test_what_could_not_be_removed_goes_in_the_next_run() -> None:
    bucket = holding(batches={ROOT: data()})
    bucket.run()
    assert bucket.run().roots == bucket.run().roots == (ROOT,)


def test_a_retained_batch_stays_for_good() -> None:
    bucket = holding(batches={ROOT: data("Retain")})
    for _ in range(3):
        assert bucket.run(after=365 * DAY).roots == ()


def test_a_batch_that_lives_stays_and_its_time_begins_with_its_deletion() -> None:
    bucket = holding(batches={ROOT: data()})
    for _ in range(3):
        assert bucket.run(body(UID)).roots == ()
    assert bucket.run().roots == ()
    assert bucket.run().roots == (ROOT,)


def test_a_batch_that_comes_back_begins_its_time_anew() -> None:
    bucket = holding(batches={ROOT: data()})
    bucket.run()
    bucket.run(body(UID))
    assert bucket.run().roots == ()


@pytest.mark.parametrize("by", ["retryOf", "reuseFrom"])
def test_a_batch_that_a_living_one_names_stays(by: str) -> None:
    named = {"name": "spring"}
    spec = {"source": {"retryOf": named}} if by == "retryOf" else {"reuseFrom": named}
    bucket = holding(batches={ROOT: data()})
    for _ in range(3):
        decision = bucket.run(body(**spec))
        assert decision.roots == ()
        assert "retryOf or reuseFrom" in decision.left[ROOT]
    bucket.run()
    assert bucket.run().roots == (ROOT,)


@pytest.mark.parametrize(
    "status",
    [
        {"storage": ROOT},
        {"storage": f"old/prefix/{ROOT}"},
        {"reuse": {"uid": UID}},
        {"reuse": {"uid": OTHER, "outputs": ["shop/x/", ROOT]}},
        {"ofANewerRelease": [{"deep": f"x {UID} y"}]},
    ],
)
def test_data_that_the_status_of_a_living_batch_mentions_stays(status: dict[str, Any]) -> None:
    """As of a resource that was restored, and has a new uid."""
    bucket = holding(batches={ROOT: data()})
    for _ in range(3):
        assert bucket.run({**body(), "status": status}).roots == ()


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (data(owner=None), "missing or cannot be read"),
        (data(owner=owner(namespace="press")), "names the batch press/spring"),
        (data(owner=owner(uid=OTHER)), f"shop/spring ({OTHER})"),
    ],
)
def test_data_whose_owner_is_not_proved_is_left_and_said(found: BatchData, reason: str) -> None:
    bucket = holding(batches={ROOT: found})
    for _ in range(3):
        decision = bucket.run()
        assert decision.roots == ()
        assert reason in decision.left[ROOT]


def test_a_clock_that_went_back_removes_nothing_early() -> None:
    memory = Memory(orphaned={ROOT: NOW + DAY}, unreferenced={UPLOAD: NOW + DAY})
    bucket = holding(batches={ROOT: data()}, uploads={UPLOAD: NOW - 9 * DAY})
    bucket.memory = memory
    first = bucket.run()
    assert (first.roots, first.uploads) == ((), ())
    assert bucket.run().roots == (ROOT,)


# Uploads


def test_an_upload_goes_when_no_batch_has_named_it_for_a_day() -> None:
    bucket = holding(uploads={UPLOAD: NOW - 9 * DAY})
    assert bucket.run(after=23 * HOUR).uploads == ()
    assert bucket.run().uploads == ()
    assert bucket.run().uploads == (UPLOAD,)


def test_a_new_upload_waits_for_its_batch() -> None:
    bucket = holding(uploads={UPLOAD: NOW})
    assert bucket.run(after=DAY).uploads == ()
    assert bucket.run(after=DAY).uploads == ()
    assert bucket.run().uploads == (UPLOAD,)


def test_an_upload_that_a_living_batch_names_stays_also_below_a_prefix() -> None:
    named = body(source={"s3": {"key": UPLOAD}})
    bucket = holding(uploads={f"team/{UPLOAD}": NOW - 9 * DAY}, prefix="team/")
    for _ in range(3):
        assert bucket.run(named, after=DAY).uploads == ()


# Kept sources, unfinished uploads, batches that need no further look


def test_kept_sources_go_after_a_week_also_of_a_batch_that_lives() -> None:
    old, new = f"{ROOT}sources/1-1-a.jpg", f"{ROOT}sources/2-1-b.jpg"
    sources = {old: NOW - 7 * DAY, new: NOW - 6 * DAY}
    bucket = holding(batches={ROOT: data("Retain", sources=sources)})
    assert bucket.run(body(UID)).sources == (old,)


def test_kept_sources_of_data_that_goes_are_not_named_twice() -> None:
    sources = {f"{ROOT}sources/1-1-a.jpg": NOW - 9 * DAY}
    bucket = holding(batches={ROOT: data(sources=sources)})
    bucket.run()
    decision = bucket.run()
    assert (decision.roots, decision.sources) == ((ROOT,), ())


def test_a_record_goes_after_a_year_but_not_that_of_a_batch_that_lives() -> None:
    year = ListedRecord("spring", NOW - 365 * DAY)
    records = {"r/1-spring.json": year, "r/2-spring.json": ListedRecord("spring", NOW)}
    bucket = holding(records=records)
    assert bucket.run(body(name="spring")).records == ()
    assert bucket.run(body(name="other")).records == ("r/1-spring.json",)


def test_an_unfinished_multipart_upload_goes_after_a_day() -> None:
    old = Unfinished(f"{ROOT}report.csv", "1", NOW - DAY)
    new = Unfinished(f"{ROOT}report.csv", "2", NOW - 23 * HOUR)
    assert holding(unfinished=[old, new]).run().unfinished == (old,)


@pytest.mark.parametrize(
    ("found", "bodies", "settled"),
    [
        (data("Retain"), [], True),
        (
            data("Retain"),
            [{**body(UID), "status": {"completionTime": "2026-11-01T00:00:00Z"}}],
            True,
        ),
        (data("Retain"), [body(UID)], False),
        (data("Retain", written=NOW - 6 * DAY), [], False),
        (data("Retain", sources={"x": NOW}), [], False),
        (data("Delete"), [], False),
        (data(owner=None), [], False),
    ],
    ids=["gone", "ended", "running", "young", "with sources", "delete", "unknown"],
)
def test_only_batches_for_which_nothing_is_left_to_do_are_not_looked_at_again(
    found: BatchData, bodies: list[dict[str, Any]], settled: bool
) -> None:
    bucket = holding(batches={ROOT: found})
    bucket.run(*bodies)
    assert (UID in bucket.memory.settled) is settled


def test_the_memory_forgets_what_the_bucket_does_not_hold_any_more() -> None:
    memory = Memory(settled=frozenset({UID, OTHER}))
    assert memory.without_gone([OTHER]).settled == {OTHER}
    bucket = holding()
    bucket.memory = Memory(orphaned={ROOT: NOW}, unreferenced={UPLOAD: NOW})
    bucket.run()
    assert (bucket.memory.orphaned, bucket.memory.unreferenced) == ({}, {})


@pytest.mark.parametrize("stored", [None, b"", b"{", b'{"orphaned": 3}', b"\xff"])
def test_a_lost_or_broken_memory_is_an_empty_one(stored: bytes | None) -> None:
    assert Memory.read(stored) == Memory()


def test_a_memory_survives_its_way_through_the_bucket() -> None:
    memory = Memory(orphaned={ROOT: NOW}, unreferenced={UPLOAD: NOW}, settled=frozenset({UID}))
    assert Memory.read(memory.to_json()) == memory


_UIDS = st.uuids().map(str)


@given(
    living=st.lists(_UIDS, max_size=4),
    dead=st.lists(_UIDS, max_size=4),
    policies=st.lists(st.sampled_from(DeletionPolicy), min_size=8, max_size=8),
    hours=st.lists(st.integers(0, 100), max_size=6),
)
def test_however_often_it_runs_it_removes_deleted_batches_alone(
    living: list[str], dead: list[str], policies: list[DeletionPolicy], hours: list[int]
) -> None:
    batches = {}
    for uid, policy in zip([*living, *dead], policies, strict=False):
        made = owner(policy.value, uid=uid)
        batches[f"shop/{uid}/"] = BatchData(uid, made, NOW)
    bucket = holding(batches=batches)
    for number in hours:
        decision = bucket.run(*map(body, living), after=timedelta(hours=number))
        for root in decision.roots:
            assert batches[root].uid not in living
            assert policies[list(batches).index(root)] is DeletionPolicy.DELETE
