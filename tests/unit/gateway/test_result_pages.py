"""Products, images and failures, page by page: while a batch runs, and from its report."""

from __future__ import annotations

import dataclasses
from typing import Any

import httpx
import obstore
import pytest
from obstore.store import MemoryStore

from imagebatch_core.reasons import Phase
from imagebatch_core.results import ErrorCode, ImageResult, ShardItem
from imagebatch_gateway.answers.result_models import ImageItem
from imagebatch_gateway.backends.objects import Objects
from imagebatch_gateway.requests import images as images_module
from imagebatch_gateway.requests.failures import MESSAGES
from imagebatch_gateway.settings import Settings
from unit.gateway.builders import BatchBuilder, FakeBatches, image_url, succeeded, write_part
from unit.gateway.catalogues import KEYS, RECORDED, Catalogue

BASE = "http://gateway.example"
#: A batch of one host, and one of three that are spread over the three shards of a group.
GROUPS = pytest.mark.parametrize("hosts", [1, 3])


def some_fail(row: int, position: int) -> ImageResult:
    """The first image of every tenth row fails; of every hundredth with another code."""
    if row % 10 or position > 1:
        return succeeded(row, position)
    code = ErrorCode.HTTP_STATUS if row % 100 == 0 else ErrorCode.DNS_FAILED
    item = ShardItem(row, position, f"https://a.example/{row}-{position}.png")
    return ImageResult.failure(item, code, f"row {row}")


async def follow(http: httpx.AsyncClient, path: str) -> tuple[list[dict[str, Any]], int]:
    """All items, and the number of pages that they took."""
    items: list[dict[str, Any]] = []
    pages = 0
    link: str | None = path
    while link:
        answer = await http.get(link.removeprefix(BASE))
        assert answer.status_code == 200, answer.text
        items += answer.json()["items"]
        link = answer.json()["next"]
        pages += 1
    return items, pages


@pytest.fixture
def counted(
    settings: Settings,
    store: MemoryStore,
    batches: FakeBatches,
    monkeypatch: pytest.MonkeyPatch,
) -> list[str]:
    """The requests to the store, of every kind, as they are made."""
    asked: list[str] = []
    for name in ("read", "read_range", "list_keys", "list_after", "size", "open", "read_piece"):
        whole = getattr(Objects, name)

        def counting(self: Any, key: str, *args: Any, _call: Any = whole, **more: Any) -> Any:
            asked.append(key)
            return _call(self, key, *args, **more)

        monkeypatch.setattr(Objects, name, counting)
    return asked


async def test_a_product_has_its_row_its_outputs_and_its_times(
    http: httpx.AsyncClient, store: MemoryStore, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.completed(succeeded=2, failed=1).reported().build())
    Catalogue(store, [2, 0, 1], outcome=_second_fails).planned().collected()
    body = (await http.get("/api/products/summer-2026")).json()

    assert body["next"] is None
    first, second = body["items"][:2]
    assert first == {
        "id": "summer-2026-1",
        "row": 1,
        "serialNumber": "S1",
        "productName": "=Product 1",
        "inputImageUrls": ["https://a.example/1-1.png", "https://a.example/1-2.png"],
        "outputImageUrls": [image_url(1), None],
        "requestId": "summer-2026",
        "status": "completed",
        "failedImages": 1,
        "createdAt": "2026-11-24T10:00:00Z",
        "updatedAt": RECORDED,
    }
    assert (second["inputImageUrls"], second["status"]) == ([], "completed")


def _second_fails(row: int, position: int) -> ImageResult:
    if position == 1:
        return succeeded(row, position)
    return dataclasses.replace(some_fail(10, 1), row=row, position=position)


@pytest.mark.parametrize("limit", [1, 7, 1000])
@GROUPS
@pytest.mark.parametrize("running", [True, False], ids=["running", "collected"])
async def test_the_pages_of_products_are_the_rows_in_order(
    http: httpx.AsyncClient,
    store: MemoryStore,
    batches: FakeBatches,
    batch: BatchBuilder,
    *,
    limit: int,
    hosts: int,
    running: bool,
) -> None:
    catalogue = Catalogue(
        store, [2, 0, 1] * 20, per_shard=7, per_group=hosts, hosts=hosts, outcome=some_fail
    ).planned()
    if running:
        catalogue.recorded(part=3)
        batches.add(batch.running(done=0, total=60).build())
    else:
        catalogue.collected()
        batches.add(batch.completed(succeeded=50, failed=4).reported().build())
    items, pages = await follow(http, f"/api/products/summer-2026?limit={limit}")

    assert [item["row"] for item in items] == list(range(1, 61))
    assert pages == -(-60 // limit)
    for item in items:
        expected = [
            None if (some_fail(item["row"], p).error_code) else image_url(item["row"], p)
            for p in range(1, len(item["inputImageUrls"]) + 1)
        ]
        assert item["outputImageUrls"] == expected


async def test_a_page_reads_parts_of_its_own_rows_in_all_shards_of_their_group(
    http: httpx.AsyncClient,
    store: MemoryStore,
    batches: FakeBatches,
    batch: BatchBuilder,
    counted: list[str],
) -> None:
    made = Catalogue(store, [1] * 1000, per_shard=100, per_group=3, hosts=3).planned()
    made.recorded(part=10)
    batches.add(batch.running(done=0, total=1000).build())
    answer = await http.get("/api/products/summer-2026?limit=10&cursor=401-1")

    assert [item["status"] for item in answer.json()["items"]] == ["completed"] * 10
    # Rows 301 to 600 are in shards 3 to 5. All list their parts, and a few are of these rows.
    assert [key for key in counted if key.endswith("/")] == [
        KEYS.shard_results(n) for n in (3, 4, 5)
    ]
    parts = [key for key in counted if key.startswith(KEYS.results) and not key.endswith("/")]
    assert 2 <= len(parts) <= 6


async def test_a_product_is_pending_until_its_first_result_and_failed_if_all_failed(
    http: httpx.AsyncClient, store: MemoryStore, batches: FakeBatches, batch: BatchBuilder
) -> None:
    Catalogue(store, [1] * 8 + [2] * 3, outcome=some_fail).planned().recorded(images=11)
    batches.add(batch.running(done=0, total=14).build())
    items, _ = await follow(http, "/api/products/summer-2026")

    assert [item["status"] for item in items[7:]] == [
        "completed",
        "completed",
        "processing",
        "pending",
    ]
    assert items[10]["updatedAt"] == "2026-11-24T10:00:00Z"
    Catalogue(store, [1] * 10, outcome=some_fail).planned().collected()
    batches.add(batch.named("b").completed(succeeded=9, failed=1).reported().build())
    items, _ = await follow(http, "/api/products/b")
    assert (items[9]["status"], items[9]["failedImages"]) == ("failed", 1)


async def test_before_it_is_planned_a_request_has_no_products_and_no_images(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.with_status(phase=Phase.PENDING).build())
    for call in ("products/summer-2026", "requests/summer-2026/images"):
        assert (await http.get(f"/api/{call}")).json() == {"items": [], "next": None}
    failures = await http.get("/api/requests/summer-2026/failures")
    assert failures.json() == {"items": [], "next": None}
    row = await http.get("/api/requests/summer-2026/images?row=5")
    assert row.json() == {"items": [], "next": None}


async def test_products_whose_rows_are_gone_from_the_store_are_told_as_gone(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.completed(succeeded=1).reported().build())
    assert (await http.get("/api/products/summer-2026")).status_code == 410
    assert (await http.get("/api/requests/summer-2026/images")).status_code == 410
    assert (await http.get("/api/requests/summer-2026/failures")).status_code == 410


async def test_a_page_at_row_900_000_costs_a_few_small_reads(
    http: httpx.AsyncClient,
    store: MemoryStore,
    batches: FakeBatches,
    batch: BatchBuilder,
    counted: list[str],
) -> None:
    batches.add(batch.completed(succeeded=9000).reported().build())
    Catalogue(store, [1] * 9000).planned().collected()
    answer = await http.get("/api/products/summer-2026?limit=100&cursor=8901-1")

    assert [item["row"] for item in answer.json()["items"]] == list(range(8901, 9001))
    # The two indexes and a range of each object; the indexes are remembered.
    assert len(counted) == 4
    counted.clear()
    await http.get("/api/products/summer-2026?limit=100&cursor=4001-1")
    assert len(counted) == 2


@pytest.mark.parametrize("limit", [3, 1000])
@GROUPS
@pytest.mark.parametrize("running", [True, False], ids=["running", "collected"])
@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", lambda _r, _p: True),
        ("status=failed", lambda r, p: some_fail(r, p).error_code is not None),
        ("status=succeeded", lambda r, p: some_fail(r, p).error_code is None),
        ("code=http_status", lambda r, p: some_fail(r, p).error_code == "http_status"),
        ("row=30", lambda r, _p: r == 30),
        ("row=30&status=succeeded", lambda r, p: r == 30 and p > 1),
        ("row=4000", lambda _r, _p: False),
    ],
)
async def test_images_are_listed_by_status_code_and_row(
    http: httpx.AsyncClient,
    store: MemoryStore,
    batches: FakeBatches,
    batch: BatchBuilder,
    *,
    limit: int,
    hosts: int,
    running: bool,
    query: str,
    wanted: Any,
) -> None:
    catalogue = Catalogue(
        store, [2, 0, 1] * 40, per_shard=16, per_group=hosts, hosts=hosts, outcome=some_fail
    ).planned()
    if running:
        catalogue.recorded(part=5)
        batches.add(batch.running(done=0, total=120).build())
    else:
        catalogue.collected()
        batches.add(batch.completed(succeeded=116, failed=4).reported().build())
    items, _ = await follow(http, f"/api/requests/summer-2026/images?limit={limit}&{query}")

    places = [(row.number, p) for row in catalogue.rows for p in range(1, len(row.urls) + 1)]
    assert [(i["row"], i["position"]) for i in items] == [p for p in places if wanted(*p)]


async def test_an_image_is_a_line_of_the_report_in_camel_case(
    http: httpx.AsyncClient, store: MemoryStore, batches: FakeBatches, batch: BatchBuilder
) -> None:
    Catalogue(store, [1] * 10, outcome=some_fail).planned().collected()
    batches.add(batch.completed(succeeded=9, failed=1).reported().build())
    (item,) = (await http.get("/api/requests/summer-2026/images?status=failed")).json()["items"]

    assert {k: item[k] for k in ("row", "errorCode", "errorMessage", "retryable")} == {
        "row": 10,
        "errorCode": "dns_failed",
        "errorMessage": "row 10",
        "retryable": True,
    }
    assert set(ImageItem.model_fields) == {f.name for f in dataclasses.fields(ImageResult)}


async def test_thousands_of_rows_without_a_failure_are_not_read_to_list_failed_images(
    http: httpx.AsyncClient,
    store: MemoryStore,
    batches: FakeBatches,
    batch: BatchBuilder,
    counted: list[str],
) -> None:
    def last_fails(row: int, position: int) -> ImageResult:
        return (
            dataclasses.replace(some_fail(10, 1), row=row)
            if row == 8500
            else succeeded(row, position)
        )

    batches.add(batch.completed(succeeded=8999, failed=1).reported().build())
    Catalogue(store, [1] * 9000, outcome=last_fails).collected()
    items, pages = await follow(http, "/api/requests/summer-2026/images?status=failed")

    assert (len(items), pages) == (1, 1)
    assert len(counted) == 2  # the index, and a thousand rows


async def test_a_page_of_failures_of_one_code_is_a_few_small_range_reads(
    http: httpx.AsyncClient,
    store: MemoryStore,
    batches: FakeBatches,
    batch: BatchBuilder,
    *,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[int] = []
    whole = Objects.read_range

    async def read_range(self: Objects, key: str, start: int, length: int) -> Any:
        read.append(length)
        return await whole(self, key, start, length)

    monkeypatch.setattr(Objects, "read_range", read_range)

    def two_codes(row: int, position: int) -> ImageResult:
        found = some_fail(100 if row in (5, 8500, 8501) else 10 if row % 9 == 0 else 1, position)
        return dataclasses.replace(found, row=row)

    batches.add(batch.completed(succeeded=8000, failed=1000).reported().build())
    Catalogue(store, [1] * 9000, outcome=two_codes).collected()
    path = "/api/requests/summer-2026/images?code=http_status"
    items, pages = await follow(http, path)
    assert ([item["row"] for item in items], pages) == ([5, 8500, 8501], 1)
    assert len(read) == 2
    assert sum(read) < 5000
    read.clear()
    items, _ = await follow(http, f"{path}&cursor=8501-1")
    assert ([item["row"] for item in items], len(read)) == ([8501], 1)


@pytest.mark.parametrize(
    ("call", "most"),
    [
        ("products/summer-2026?limit=10&cursor=4001-1", 16),
        ("requests/summer-2026/images?limit=10&cursor=4001-1", 16),
        ("requests/summer-2026/images?row=4001", 16),
        ("requests/summer-2026/images?limit=10", 16),
    ],
)
async def test_a_page_of_a_running_request_reads_only_the_parts_near_its_rows(
    http: httpx.AsyncClient,
    store: MemoryStore,
    batches: FakeBatches,
    batch: BatchBuilder,
    *,
    counted: list[str],
    call: str,
    most: int,
) -> None:
    batches.add(batch.running(done=0, total=10_000).build())
    Catalogue(store, [1] * 5000, per_shard=10_000).planned().recorded(part=25)
    items = (await http.get(f"/api/{call}")).json()["items"]

    assert items[0]["row"] in (1, 4001)
    assert sum(key.endswith(".jsonl") and "/results/" in key for key in counted) <= most


async def test_results_recorded_out_of_order_are_listed_in_input_order(
    http: httpx.AsyncClient, store: MemoryStore, batches: FakeBatches, batch: BatchBuilder
) -> None:
    """Row r is recorded by one of 50 parts that each cover most rows, and again by another pod."""
    Catalogue(store, [1] * 1000, per_shard=1000).planned()
    for number in range(50):
        write_part(store, 0, "pod-a", number, [succeeded(r) for r in range(1 + number, 1001, 50)])
    write_part(store, 0, "pod-b", 0, [some_fail(10, 1), some_fail(100, 1)])
    batches.add(batch.running(done=0, total=1000).build())
    items, _ = await follow(http, "/api/requests/summer-2026/images?limit=300")

    assert [item["row"] for item in items] == list(range(1, 1001))
    assert {item["status"] for item in items} == {"succeeded"}


async def test_a_page_on_which_little_matches_ends_early_and_the_next_goes_on(
    http: httpx.AsyncClient,
    store: MemoryStore,
    batches: FakeBatches,
    batch: BatchBuilder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(images_module, "SCAN_RESULTS", 10)
    monkeypatch.setattr(images_module, "SCAN_BYTES", 1000)
    Catalogue(store, [1] * 100, per_shard=20, outcome=some_fail).planned().recorded()
    batches.add(batch.running(done=0, total=100).build())
    items, pages = await follow(http, "/api/requests/summer-2026/images?code=http_status")
    assert ([item["row"] for item in items], pages) == ([100], 5 + 1)

    Catalogue(store, [1] * 2000, outcome=some_fail).planned().collected()
    batches.add(batch.named("b").completed(succeeded=1).reported().build())
    items, pages = await follow(http, "/api/requests/b/images?code=http_status")
    assert [item["row"] for item in items] == list(range(100, 2001, 100))
    assert pages > 1


async def test_a_running_request_is_read_on_where_it_was_when_it_was_collected(
    http: httpx.AsyncClient, store: MemoryStore, batches: FakeBatches, batch: BatchBuilder
) -> None:
    catalogue = Catalogue(store, [2] * 30, per_shard=8).planned().recorded()
    batches.add(batch.running(done=0, total=60).build())
    first = (await http.get("/api/requests/summer-2026/images?limit=21")).json()
    catalogue.collected()
    batches.add(batch.completed(succeeded=60).reported().build())
    rest, _ = await follow(http, first["next"])

    found = [(i["row"], i["position"]) for i in first["items"] + rest]
    assert found == [(row, p) for row in range(1, 31) for p in (1, 2)]


async def test_an_image_that_two_pods_recorded_is_listed_once_and_the_first_part_wins(
    http: httpx.AsyncClient, store: MemoryStore, batches: FakeBatches, batch: BatchBuilder
) -> None:
    Catalogue(store, [1] * 10).planned()
    write_part(store, 0, "pod-b", 0, [some_fail(10, 1)])
    write_part(store, 0, "pod-a", 0, [succeeded(10)])
    batches.add(batch.running(done=0, total=10).build())
    items, _ = await follow(http, "/api/requests/summer-2026/images")

    assert [(i["row"], i["status"]) for i in items] == [(10, "succeeded")]


@pytest.mark.parametrize("running", [True, False], ids=["running", "collected"])
async def test_failures_are_grouped_by_their_code_most_first_with_examples(
    http: httpx.AsyncClient,
    store: MemoryStore,
    batches: FakeBatches,
    batch: BatchBuilder,
    *,
    running: bool,
) -> None:
    catalogue = Catalogue(store, [1] * 200, outcome=some_fail).planned()
    if running:
        catalogue.recorded()
        batches.add(batch.running(done=0, total=200).build())
    else:
        catalogue.collected()
        batches.add(batch.completed(succeeded=180, failed=20).reported().build())
    first, second = (await http.get("/api/requests/summer-2026/failures")).json()["items"]

    assert (first["code"], first["count"], first["retryable"]) == ("dns_failed", 18, True)
    assert (second["code"], second["count"], second["retryable"]) == ("http_status", 2, False)
    assert first["message"] == MESSAGES[ErrorCode.DNS_FAILED]
    assert len(first["examples"]) == 5
    assert sorted(e["row"] for e in second["examples"]) == [100, 200]
    assert second["examples"][0]["inputUrl"].startswith("https://a.example/")


def test_every_error_code_has_a_sentence_for_people() -> None:
    assert set(MESSAGES) == set(ErrorCode)


@pytest.mark.parametrize("cursor", ["x", "0-1", "1", "1-1-1-1", "-1-1", "1-1000000000000", "é"])
@pytest.mark.parametrize("call", ["products/summer-2026", "requests/summer-2026/images"])
async def test_a_cursor_of_no_answer_is_refused(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder, call: str, cursor: str
) -> None:
    batches.add(batch.build())
    answer = await http.get(f"/api/{call}", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["type"]) == (
        400,
        "urn:imagebatch:problem:invalid-cursor",
    )


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "status=odd", "code=odd", "row=0"])
async def test_a_wrong_filter_or_limit_is_refused_by_its_name(
    http: httpx.AsyncClient, query: str
) -> None:
    answer = await http.get(f"/api/requests/summer-2026/images?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == query.partition("=")[0]


async def test_results_of_a_newer_release_are_told_as_such(
    http: httpx.AsyncClient, store: MemoryStore, batches: FakeBatches, batch: BatchBuilder
) -> None:
    Catalogue(store, [1]).planned()
    obstore.put(store, KEYS.part(0, "pod-a", 0), b"{}\n")
    batches.add(batch.running(done=0, total=1).build())
    answer = await http.get("/api/requests/summer-2026/images")
    assert answer.status_code == 500
    assert answer.json()["type"] == "urn:imagebatch:problem:results-unreadable"


async def test_rows_without_images_at_the_end_end_the_list_of_images(
    http: httpx.AsyncClient, store: MemoryStore, batches: FakeBatches, batch: BatchBuilder
) -> None:
    Catalogue(store, [1] * 1000 + [0] * 5).planned().collected()
    batches.add(batch.completed(succeeded=1000).reported().build())
    rest = await http.get("/api/requests/summer-2026/images?cursor=1001-1")
    assert rest.json() == {"items": [], "next": None}
    row = await http.get("/api/requests/summer-2026/images?row=1003")
    assert row.json() == {"items": [], "next": None}
    products = (await http.get("/api/products/summer-2026?cursor=1001-1")).json()["items"]
    assert [(p["row"], p["outputImageUrls"]) for p in products] == [
        (row, []) for row in range(1001, 1006)
    ]
