"""Listing, making, reading, changing and deleting requests."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from imagebatch_core import names
from imagebatch_core.reasons import Phase
from imagebatch_core.resource import ImageBatch
from imagebatch_core.spec import DeletionPolicy, SuspendAfter, Webhook
from imagebatch_gateway.backends.batches import Change
from imagebatch_gateway.backends.errors import ClusterUnavailable, ListExpired
from imagebatch_gateway.requests import history
from unit.gateway.builders import CREATED, CSV, BatchBuilder, FakeBatches, as_object

BASE = "http://gateway.example"


def aged(built: ImageBatch, minutes: int, **annotations: str) -> ImageBatch:
    when = CREATED - timedelta(minutes=minutes)
    return built.model_copy(update={"creation_timestamp": when, "annotations": annotations})


async def listed(http: httpx.AsyncClient, query: str = "") -> list[str]:
    answer = await http.get(f"/api/requests{query}")
    assert answer.status_code == 200, answer.text
    return [item["requestId"] for item in answer.json()["items"]]


async def soon(http: httpx.AsyncClient, expected: list[str]) -> None:
    for _ in range(100):
        if await listed(http) == expected:
            return
        await asyncio.sleep(0.01)
    assert await listed(http) == expected


@pytest.fixture
def five(batches: FakeBatches, batch: BatchBuilder) -> list[str]:
    """Newest first: c, a, e, b, d."""
    order = ["c", "a", "e", "b", "d"]
    for minutes, name in enumerate(order):
        batches.add(aged(batch.named(name).running(done=1, total=2).build(), minutes))
    return order


async def test_requests_are_listed_newest_first_page_by_page(
    http: httpx.AsyncClient, batches: FakeBatches, five: list[str]
) -> None:
    found: list[str] = []
    link = "/api/requests?limit=2"
    while link:
        body = (await http.get(link)).json()
        found += [item["requestId"] for item in body["items"]]
        link = (body["next"] or "").removeprefix(BASE)

    assert found == five
    assert await listed(http) == five


async def test_however_many_lists_the_api_server_is_asked_once(
    http: httpx.AsyncClient, batches: FakeBatches, five: list[str]
) -> None:
    await asyncio.gather(*(listed(http) for _ in range(20)))
    for _ in range(5):
        await listed(http, "?q=a")

    assert batches.lists == 3  # pages of two
    assert batches.watched == ["7"]
    assert batches.asked == []


async def test_the_list_follows_what_happens_in_the_cluster(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder, five: list[str]
) -> None:
    await listed(http)
    newer = aged(batch.named("f").build(), -1)
    batches.events.put_nowait(Change("8", as_object(newer)))
    batches.events.put_nowait(Change("9"))
    batches.events.put_nowait(Change("10", as_object(batches.stored["e"]), deleted=True))
    await soon(http, ["f", "c", "a", "b", "d"])
    done = aged(batch.named("b").completed(succeeded=2).build(), 3)
    batches.events.put_nowait(Change("11", as_object(done)))
    await asyncio.sleep(0.05)

    assert await listed(http, "?status=completed") == ["b"]


async def test_a_watch_that_expired_lists_anew_and_one_that_broke_goes_on(
    http: httpx.AsyncClient,
    batches: FakeBatches,
    five: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(history, "RETRY_SECONDS", 0.0)
    await listed(http)
    batches.events.put_nowait(Change("9"))
    batches.events.put_nowait(ClusterUnavailable("broken", undecided=True))
    await asyncio.sleep(0.05)
    assert batches.watched == ["7", "9"]
    assert batches.lists == 3

    del batches.stored["e"]
    batches.events.put_nowait(ListExpired("too old"))
    await soon(http, ["c", "a", "b", "d"])
    assert batches.watched == ["7", "9", "7"]


async def test_a_cluster_that_is_away_is_503_and_the_next_call_tries_again(
    http: httpx.AsyncClient, batches: FakeBatches, five: list[str]
) -> None:
    batches.unready = ClusterUnavailable("the API server cannot be reached", undecided=False)
    answer = await http.get("/api/requests")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    batches.unready = None
    assert await listed(http) == five


async def test_lists_are_filtered_by_status_and_by_text_in_a_name(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder
) -> None:
    file_name, display = names.ANNOTATION_FILE_NAME, names.ANNOTATION_DISPLAY_NAME
    batches.add(aged(batch.named("a1").build(), 1, **{file_name: "Spring.csv"}))
    batches.add(aged(batch.named("b2").completed(succeeded=1).build(), 2, **{display: "Mugs"}))

    assert await listed(http, "?q=SPRING") == ["a1"]
    assert await listed(http, "?q=mug") == ["b2"]
    assert await listed(http, "?q=2") == ["b2"]
    assert await listed(http, "?status=pending") == ["a1"]
    assert await listed(http, "?status=pending&q=mug") == []
    assert (await http.get("/api/requests?status=odd")).status_code == 422


async def test_an_item_tells_what_the_resource_knows(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.completed(succeeded=3, failed=1).build())
    (item,) = (await http.get("/api/requests")).json()["items"]

    assert item == {
        "requestId": "summer-2026",
        "name": None,
        "fileName": None,
        "createdBy": None,
        "status": "completed",
        "products": 4,
        "images": {"total": 4, "done": 4, "succeeded": 3, "kept": 0, "reused": 0, "failed": 1},
        "bytes": {"in": 1000, "out": 387},
        "saved": "61.3%",
        "createdAt": "2026-11-24T10:00:00Z",
        "completedAt": "2026-11-24T10:00:00Z",
        "expired": False,
    }


async def test_an_upload_is_listed_at_once_with_its_files_name(
    http: httpx.AsyncClient, batches: FakeBatches
) -> None:
    await listed(http)
    files = {"file": ("C:\\\\fakepath\\\\products.csv", CSV)}
    request_id = (await http.post("/api/upload", files=files)).json()["requestId"]
    (item,) = (await http.get("/api/requests?q=products")).json()["items"]

    assert (item["requestId"], item["fileName"]) == (request_id, "products.csv")


@pytest.mark.parametrize("cursor", ["x", "~a", "é"])
async def test_a_cursor_of_no_answer_is_refused(http: httpx.AsyncClient, cursor: str) -> None:
    answer = await http.get("/api/requests", params={"cursor": cursor})
    assert answer.status_code == 400


async def test_a_request_tells_what_it_was_made_from_without_the_webhooks_secrets(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder
) -> None:
    hook = Webhook(url="https://hook.example/in?token=secret")
    batches.add(batch.asking(webhook=hook, parallelism=9).running(done=1, total=2).build())
    answer = await http.get("/api/requests/summer-2026")
    body, status = answer.json(), (await http.get("/api/status/summer-2026")).json()

    assert {key: body[key] for key in status} == status
    assert (body["webhookUrl"], body["parallelism"]) == ("https://hook.example/in", 9)
    assert "secret" not in answer.text


@pytest.mark.parametrize("content_type", ["application/json", "application/merge-patch+json"])
@pytest.mark.parametrize(
    ("patch", "changed"),
    [
        ({"suspend": True}, {"suspend": True}),
        ({"parallelism": 40}, {"parallelism": 40}),
        ({"priority": 7}, {"priority": 7}),
        ({"cancel": True}, {"cancel": True}),
        ({"suspend": None}, {"suspend": False}),
        ({}, {"suspend": False, "parallelism": 4}),
    ],
)
async def test_what_may_change_is_changed_and_nothing_else(
    http: httpx.AsyncClient,
    batches: FakeBatches,
    batch: BatchBuilder,
    *,
    content_type: str,
    patch: dict[str, Any],
    changed: dict[str, Any],
) -> None:
    before = batches.add(batch.running(done=1, total=2).build()).spec
    answer = await http.patch(
        "/api/requests/summer-2026", json=patch, headers={"Content-Type": content_type}
    )

    assert answer.status_code == 200
    assert batches.stored["summer-2026"].spec == before.model_copy(update=changed)


async def test_a_request_that_waits_for_its_turn_tells_its_place_and_its_priority(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.with_status(phase=Phase.PENDING, queue_position=3).build())
    body = {"source": {"inline": CSV.decode()}, "priority": 9}
    request_id = (await http.post("/api/requests", json=body)).json()["requestId"]
    assert batches.stored[request_id].spec.priority == 9
    waits = (await http.get("/api/requests/summer-2026")).json()
    assert (waits["status"], waits["queuePosition"], waits["priority"]) == ("pending", 3, 0)
    other = (await http.get(f"/api/requests/{request_id}")).json()
    assert (other["queuePosition"], other["priority"]) == (None, 9)


async def test_a_request_that_is_held_after_plan_is_confirmed_by_null(
    http: httpx.AsyncClient, batches: FakeBatches
) -> None:
    body = {"source": {"inline": CSV.decode()}, "suspendAfter": "Plan"}
    request_id = (await http.post("/api/requests", json=body)).json()["requestId"]
    path = f"/api/requests/{request_id}"
    assert (await http.get(path)).json()["suspendAfter"] == "Plan"

    answer = await http.patch(path, json={"suspendAfter": None})
    assert (answer.status_code, answer.json()["suspendAfter"]) == (200, None)
    assert batches.stored[request_id].spec.suspend_after is None


async def test_a_request_may_ask_that_its_objects_go_with_it(
    http: httpx.AsyncClient, batches: FakeBatches
) -> None:
    body = {"source": {"inline": CSV.decode()}, "deletionPolicy": "Delete"}
    request_id = (await http.post("/api/requests", json=body)).json()["requestId"]
    assert batches.stored[request_id].spec.deletion_policy is DeletionPolicy.DELETE
    refused = await http.post("/api/requests", json=body | {"deletionPolicy": "Maybe"})
    assert refused.status_code == 422
    assert "deletionPolicy" in refused.text


async def test_an_upload_may_be_held_after_plan(
    http: httpx.AsyncClient, batches: FakeBatches
) -> None:
    files = {"file": ("products.csv", CSV)}
    answer = await http.post("/api/upload", files=files, data={"suspendAfter": "Plan"})
    made = batches.stored[answer.json()["requestId"]]
    assert made.spec.suspend_after is SuspendAfter.PLAN


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase.finished])
async def test_nothing_changes_after_the_end(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder, phase: Phase
) -> None:
    batches.add(batch.with_status(phase=phase).build())
    answer = await http.patch("/api/requests/summer-2026", json={"cancel": True})

    assert answer.status_code == 409
    assert phase.value.lower() in answer.json()["message"]
    assert not batches.stored["summer-2026"].spec.cancel


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"parallelism": 0}, 422, "parallelism"),
        ({"quality": 3}, 422, "cannot be changed"),
        ({"paralelism": 3}, 422, "did you mean 'parallelism'"),
        ({"priority": 1001}, 422, "priority"),
        ({"suspendAfter": "Later"}, 422, "suspendAfter"),
        ([1], 422, "dictionary"),
    ],
)
async def test_a_wrong_change_is_refused_with_what_to_do(
    http: httpx.AsyncClient,
    batches: FakeBatches,
    batch: BatchBuilder,
    *,
    body: Any,
    status: int,
    words: str,
) -> None:
    before = batches.add(batch.running(done=1, total=2).build())
    answer = await http.patch("/api/requests/summer-2026", json=body)

    assert answer.status_code == status
    assert words in answer.json()["message"]
    assert batches.stored["summer-2026"] == before


async def test_a_deleted_request_is_gone_from_calls_and_lists(
    http: httpx.AsyncClient, batches: FakeBatches, five: list[str]
) -> None:
    await listed(http)
    answer = await http.delete("/api/requests/e")

    assert (answer.status_code, answer.content) == (204, b"")
    assert await listed(http) == ["c", "a", "b", "d"]
    assert (await http.get("/api/requests/e")).status_code == 404
    assert (await http.delete("/api/requests/e")).status_code == 404
    assert (await http.patch("/api/requests/e", json={})).status_code == 404


@pytest.mark.parametrize(
    "source",
    [
        {"url": "https://shop.example/products.csv"},
        {"s3": {"key": "shop/uploads/x.csv"}},
        {"inline": CSV.decode()},
    ],
)
async def test_a_request_is_made_from_each_kind_of_source(
    http: httpx.AsyncClient, batches: FakeBatches, source: dict[str, Any]
) -> None:
    asked = {"name": "Mugs", "source": source, "output": {"quality": 60}, "parallelism": 9}
    answer = await http.post("/api/requests", json=asked)
    body = answer.json()

    assert answer.status_code == 200, answer.text
    made = batches.stored[body["requestId"]]
    assert made.spec.source.model_dump(by_alias=True, exclude_none=True) == source
    assert (made.spec.output.quality, made.spec.parallelism) == (60, 9)
    assert made.annotations[names.ANNOTATION_DISPLAY_NAME] == "Mugs"
    assert answer.headers["location"] == body["statusUrl"]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({}, 422, "source"),
        ({"source": {}}, 422, "exactly one"),
        ({"source": {"url": "https://a.example/x", "inline": "x"}}, 422, "exactly one"),
        ({"source": {"configMap": {"name": "x"}}}, 422, "configMap"),
        ({"source": {"url": "ftp://a.example/x"}}, 422, "source.url"),
        ({"source": {"url": "https://u:p@a.example/x"}}, 422, "source.url"),
        ({"source": {"inline": "name,price\n1,2\n"}}, 400, "Invalid CSV format"),
        ({"source": {"retryOf": {"name": "a"}}}, 404, "/api/download/a?format=failed"),
        ({"source": {"retryOf": {"name": "a"}}, "output": {}}, 422, "takes it from the earlier"),
        ({"source": {"retryOf": {"name": "a"}}, "imagesPerShard": 9}, 422, "imagesPerShard"),
        ({"source": {"retryOf": {"name": "a"}, "inline": "x"}}, 422, "exactly one"),
        ({"source": {"inline": "x"}, "suspendAfter": "Later"}, 422, "suspendAfter"),
        ({"source": {"inline": "x"}, "runner": {}}, 422, "runner"),
        ({"source": {"inline": "x"}, "outptu": {}}, 422, "did you mean 'output'"),
        ({"source": {"inline": CSV.decode()}, "output": {"quality": 0}}, 422, "output.quality"),
        ({"source": {"inline": CSV.decode()}, "reuseFrom": {"name": "no"}}, 422, "no request no"),
    ],
)
async def test_a_wrong_request_is_refused_with_what_to_do_and_makes_nothing(
    http: httpx.AsyncClient, batches: FakeBatches, *, body: Any, status: int, words: str
) -> None:
    answer = await http.post("/api/requests", json=body)

    assert (answer.status_code, batches.stored) == (status, {})
    assert words in answer.text


async def test_the_same_key_makes_one_request_and_refuses_another(
    http: httpx.AsyncClient, batches: FakeBatches
) -> None:
    key = {"Idempotency-Key": "k"}
    body = {"source": {"inline": CSV.decode()}}
    first = await http.post("/api/requests", json=body, headers=key)
    again = await http.post("/api/requests", json=body, headers=key)
    other = await http.post("/api/requests", json={**body, "parallelism": 9}, headers=key)

    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert other.status_code == 422
    assert len(batches.stored) == 1
