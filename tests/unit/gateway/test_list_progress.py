"""The images of running requests in a list."""

from __future__ import annotations

import httpx
import pytest
from obstore.store import MemoryStore

from imagebatch_core.keys import BatchKeys
from imagebatch_gateway.backends.errors import StoreUnavailable
from imagebatch_gateway.backends.objects import Objects
from imagebatch_gateway.requests import list_progress
from unit.gateway.builders import (
    NAMESPACE,
    UID,
    BatchBuilder,
    FakeBatches,
    failed,
    succeeded,
    write_plan,
    write_progress,
)

ROOT = BatchKeys.of(NAMESPACE, UID).root


def running(batch: BatchBuilder, name: str, storage: str | None = ROOT) -> BatchBuilder:
    return batch.named(name).running(done=0, total=8).with_status(storage=storage)


async def done(http: httpx.AsyncClient) -> dict[str, int]:
    items = (await http.get("/api/requests")).json()["items"]
    return {item["requestId"]: item["images"]["done"] for item in items}


@pytest.fixture(autouse=True)
def recorded(store: MemoryStore) -> None:
    write_plan(store, images=8, per_shard=8)
    write_progress(store, 0, "pod-a", [succeeded(1), succeeded(2), failed(3)])


async def test_images_of_a_running_request_are_counted_and_not_whole_shards(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(running(batch, "a").build())
    (item,) = (await http.get("/api/requests")).json()["items"]
    assert (item["images"]["done"], item["images"]["failed"], item["images"]["total"]) == (3, 1, 8)
    status = (await http.get("/api/requests/a")).json()
    assert {name: item[name] for name in ("images", "bytes", "saved")} == {
        name: status[name] for name in ("images", "bytes", "saved")
    }


async def test_ended_and_unplanned_requests_cost_no_call_to_the_store(
    http: httpx.AsyncClient,
    batches: FakeBatches,
    batch: BatchBuilder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batches.add(running(batch, "none", None).build())
    batches.add(running(batch, "foreign", f"other/{UID}/").build())
    batches.add(batch.named("ended").completed(succeeded=5).with_status(storage=ROOT).build())

    async def no_list(*_: object, **__: object) -> None:
        raise AssertionError("the store was asked")

    monkeypatch.setattr(Objects, "list_versions", no_list)
    assert await done(http) == {"none": 0, "foreign": 0, "ended": 5}


async def test_the_newest_of_a_page_are_counted_and_the_others_shown_as_the_operator_counts(
    http: httpx.AsyncClient,
    batches: FakeBatches,
    batch: BatchBuilder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(list_progress, "COUNTED", 2)
    for name in "abc":
        batches.add(running(batch, name).build())
    assert sorted((await done(http)).values()) == [0, 3, 3]


async def test_a_store_that_is_away_leaves_the_operators_counts(
    http: httpx.AsyncClient,
    batches: FakeBatches,
    batch: BatchBuilder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batches.add(running(batch, "a").with_status(images={"total": 8, "done": 2}).build())

    async def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(Objects, "list_versions", away)
    assert await done(http) == {"a": 2}
