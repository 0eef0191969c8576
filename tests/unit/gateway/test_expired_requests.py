"""Requests whose resource is gone: found, listed and read from the history in the bucket."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import obstore
import pytest
from obstore.store import MemoryStore, ObjectStore

from imagebatch_core.history import RecordedEnd, RecordPointer, RequestRecord
from imagebatch_core.history_keys import HistoryKeys
from imagebatch_core.job import Asked, Totals
from imagebatch_core.reasons import Phase, Reason
from imagebatch_core.spec import DeletionPolicy, Output
from imagebatch_gateway.backends.errors import StoreUnavailable
from imagebatch_gateway.backends.objects import Objects
from imagebatch_gateway.requests import listing
from imagebatch_gateway.requests import records as records_module
from imagebatch_runner.store.documents import to_json
from unit.gateway.builders import CREATED, NAMESPACE, BatchBuilder, FakeBatches, image_url
from unit.gateway.catalogues import KEYS, Catalogue

HISTORY = HistoryKeys(NAMESPACE)


def record(name: str, minutes: int = 0, **changes: Any) -> RequestRecord:
    """The record of a batch of three images that was created so many minutes after ``CREATED``."""
    end = RecordedEnd(
        phase=Phase.COMPLETED,
        reason=Reason.COMPLETED_WITH_FAILURES,
        message="1 of 3 images failed",
        completed_at=CREATED + timedelta(minutes=minutes + 1),
        totals=Totals(succeeded=2, failed=1, bytes_in=200, bytes_out=80),
        report_key=KEYS.report_csv,
        report_sha256="a" * 64,
    )
    found = RequestRecord(
        namespace=NAMESPACE,
        name=name,
        uid="u",
        root=KEYS.root,
        asked=Asked(
            created_at=CREATED + timedelta(minutes=minutes),
            file_name="mugs.csv",
            created_by="alice",
            webhook_url="https://hook.example/a",
            parallelism=7,
        ),
        output=Output(quality=60),
        deletion_policy=DeletionPolicy.RETAIN,
        products=2,
        images=3,
        shards=1,
        row_problems=0,
        input_sha256="c5f0",
        end=end,
    )
    return found.model_copy(update=changes)


def keep(store: ObjectStore, found: RequestRecord) -> None:
    key = HISTORY.record(int(found.asked.created_at.timestamp()), found.name)
    obstore.put(store, key, to_json(found))
    obstore.put(store, HISTORY.pointer(found.name), to_json(RecordPointer(key=key)))


async def listed(http: httpx.AsyncClient, query: str = "") -> list[tuple[str, bool]]:
    """All requests, following the pages."""
    found: list[tuple[str, bool]] = []
    link: str | None = f"/api/requests{query}"
    while link:
        answer = await http.get(link.removeprefix("http://gateway.example"))
        assert answer.status_code == 200, answer.text
        found += [(item["requestId"], item["expired"]) for item in answer.json()["items"]]
        link = answer.json()["next"]
    return found


async def test_a_request_stays_readable_when_its_resource_is_gone(
    http: httpx.AsyncClient, store: MemoryStore
) -> None:
    Catalogue(store, [2, 1]).planned().collected()
    keep(store, record("old"))
    body = (await http.get("/api/requests/old")).json()

    assert body["expired"] is True
    assert (body["status"], body["reason"]) == ("completed", "CompletedWithFailures")
    assert body["outputImageUrls"] == [image_url(1), image_url(1, 2), image_url(2)]
    assert (body["images"]["failed"], body["saved"], body["products"]) == (1, "60.0%", 2)
    assert (body["fileName"], body["createdBy"], body["parallelism"]) == ("mugs.csv", "alice", 7)
    assert (body["webhookUrl"], body["webhook"]) == ("https://hook.example/a", None)
    assert body["completedAt"] == "2026-11-24T10:01:00Z"
    assert (await http.get("/api/status/old")).json()["expired"] is True
    items = (await http.get("/api/products/old")).json()["items"]
    assert [(item["id"], item["status"]) for item in items] == [
        ("old-1", "completed"),
        ("old-2", "completed"),
    ]
    assert len((await http.get("/api/requests/old/images")).json()["items"]) == 3
    download = await http.get("/api/download/old")
    assert (download.status_code, download.text[:6]) == (200, "S. No.")


async def test_a_resource_comes_before_a_record_of_its_name(
    http: httpx.AsyncClient, store: MemoryStore, batches: FakeBatches, batch: BatchBuilder
) -> None:
    keep(store, record("summer-2026", -60))
    batches.add(batch.running(done=0, total=9).build())
    body = (await http.get("/api/requests/summer-2026")).json()
    assert (body["expired"], body["status"]) == (False, "processing")
    assert await listed(http) == [("summer-2026", False)]


async def test_a_request_that_was_deleted_before_its_end_is_cancelled(
    http: httpx.AsyncClient, store: MemoryStore
) -> None:
    keep(store, record("old", end=None))
    body = (await http.get("/api/requests/old")).json()
    assert (body["status"], body["images"]["total"]) == ("cancelled", 3)
    assert body["message"] == "its ImageBatch was deleted before it ended"
    assert (await http.get("/api/download/old")).status_code == 409


async def test_a_request_whose_resource_is_gone_can_be_neither_changed_nor_deleted(
    http: httpx.AsyncClient, store: MemoryStore
) -> None:
    keep(store, record("old"))
    changed = await http.patch("/api/requests/old", json={"cancel": True})
    deleted = await http.delete("/api/requests/old")
    assert (changed.status_code, deleted.status_code) == (409, 409)
    assert deleted.json()["type"] == "urn:imagebatch:problem:expired"


@pytest.mark.parametrize(
    "changes",
    [
        {"deletion_policy": DeletionPolicy.DELETE},
        {"namespace": "studio"},
    ],
)
async def test_a_record_whose_data_goes_or_of_another_namespace_is_not_found(
    http: httpx.AsyncClient, store: MemoryStore, changes: dict[str, Any]
) -> None:
    keep(store, record("old", **changes))
    assert (await http.get("/api/requests/old")).status_code == 404
    assert await listed(http) == []


async def test_a_pointer_leads_to_no_object_but_a_record_of_the_namespace(
    http: httpx.AsyncClient, store: MemoryStore
) -> None:
    foreign = HistoryKeys("studio").record(0, "old")
    obstore.put(store, foreign, to_json(record("old")))
    obstore.put(store, HISTORY.pointer("old"), to_json(RecordPointer(key=foreign)))
    assert (await http.get("/api/requests/old")).status_code == 404
    obstore.put(store, HISTORY.pointer("old"), b"{}")
    assert (await http.get("/api/requests/other")).status_code == 404


async def test_data_of_another_namespace_is_not_read_by_a_record(
    http: httpx.AsyncClient, store: MemoryStore
) -> None:
    keep(store, record("old", root="studio/u/"))
    assert (await http.get("/api/products/old")).status_code == 410


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_a_list_has_both_kinds_newest_first_and_each_once(
    http: httpx.AsyncClient,
    store: MemoryStore,
    batches: FakeBatches,
    batch: BatchBuilder,
    *,
    limit: int,
) -> None:
    for minutes, name in enumerate("abcdefgh"):
        keep(store, record(name, minutes))
        if name in "bcg":
            built = batch.named(name).build()
            created = CREATED + timedelta(minutes=minutes)
            batches.add(built.model_copy(update={"creation_timestamp": created}))
    found = await listed(http, f"?limit={limit}")
    assert found == [(name, name not in "bcg") for name in "hgfedcba"]


async def test_a_list_of_many_records_is_read_page_by_page(
    http: httpx.AsyncClient, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records_module, "LISTED", 4)
    monkeypatch.setattr(listing, "LISTED", 4)
    monkeypatch.setattr(listing, "_AHEAD", 2)
    monkeypatch.setattr(listing, "SCAN_RECORDS", 3)
    names = [f"r{number:02d}" for number in range(15)]
    for minutes, name in enumerate(names):
        phase = Phase.FAILED if name in {"r01", "r02", "r14"} else Phase.COMPLETED
        found = record(name, minutes)
        assert found.end is not None
        keep(store, found.model_copy(update={"end": found.end.model_copy(update={"phase": phase})}))

    assert [name for name, _ in await listed(http, "?limit=5")] == names[::-1]
    assert [name for name, _ in await listed(http, "?status=failed")] == ["r14", "r02", "r01"]
    assert [name for name, _ in await listed(http, "?q=R1")] == names[:9:-1]


async def test_a_page_that_resources_fill_reads_no_record(
    http: httpx.AsyncClient,
    store: MemoryStore,
    batches: FakeBatches,
    batch: BatchBuilder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reads: list[str] = []
    read = Objects.read

    async def counted(self: Objects, key: str) -> bytes:
        reads.append(key)
        return await read(self, key)

    monkeypatch.setattr(Objects, "read", counted)
    keep(store, record("old", -60))
    for name in "abc":
        batches.add(batch.named(name).build())
    assert len((await http.get("/api/requests?limit=2")).json()["items"]) == 2
    assert reads == []


async def test_a_page_lists_no_more_records_than_may_belong_to_it(
    http: httpx.AsyncClient,
    store: MemoryStore,
    batches: FakeBatches,
    batch: BatchBuilder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []
    list_after = Objects.list_after

    async def counted(self: Objects, prefix: str, after: str | None, *, limit: int) -> list[str]:
        asked.append(limit)
        return await list_after(self, prefix, after, limit=limit)

    monkeypatch.setattr(Objects, "list_after", counted)
    names = [f"r{number:02d}" for number in range(40)]
    for minutes, name in enumerate(names):
        keep(store, record(name, minutes))
        if name != "r38":
            created = CREATED + timedelta(minutes=minutes)
            built = batch.named(name).build()
            batches.add(built.model_copy(update={"creation_timestamp": created}))
    page = (await http.get("/api/requests?limit=4")).json()
    assert [item["requestId"] for item in page["items"]] == names[:-5:-1]
    assert [item["expired"] for item in page["items"]] == [False, True, False, False]
    assert asked == [8]
    assert [name for name, _ in await listed(http, "?limit=4")] == names[::-1]


async def test_while_the_store_is_away_lists_have_the_resources_and_say_what_is_missing(
    http: httpx.AsyncClient,
    store: MemoryStore,
    batches: FakeBatches,
    batch: BatchBuilder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def away(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable("the object store does not answer or refuses the request")

    batches.add(batch.build())
    monkeypatch.setattr(Objects, "list_after", away)
    monkeypatch.setattr(Objects, "read", away)
    body = (await http.get("/api/requests")).json()
    assert [item["requestId"] for item in body["items"]] == ["summer-2026"]
    assert "does not answer" in body["note"]
    # Whether this request existed can be told only by the store.
    assert (await http.get("/api/requests/old")).status_code == 503
    assert (await http.get("/api/requests/summer-2026")).status_code == 200
