"""Checking a file without an upload, and the stream of events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from obstore.store import MemoryStore

from imagebatch_gateway.backends.errors import ClusterUnavailable
from imagebatch_gateway.requests import events
from unit.gateway.builders import CSV, BatchBuilder, FakeBatches, uploads_in

MANY = CSV + b'4,Pot,"https://b.example/1.png;s3://catalogue/x.png, n/a"\n'


async def test_a_file_is_checked_and_nothing_is_kept(
    http: httpx.AsyncClient, store: MemoryStore, batches: FakeBatches
) -> None:
    answer = await http.post("/api/validate", files={"file": ("p.csv", MANY)})
    body = answer.json()

    assert answer.status_code == 200, answer.text
    assert (body["products"], body["rowsChecked"]) == (4, 4)
    upload = await http.post("/api/upload", files={"file": ("p.csv", MANY)})
    same = ("products", "images", "rowProblemCount", "rowProblems", "notices")
    assert {key: body[key] for key in same} == {key: upload.json()[key] for key in same}
    assert body["hosts"] == [
        {"host": "a.example", "images": 4},
        {"host": "b.example", "images": 1},
        {"host": "s3://catalogue", "images": 1},
    ]
    assert body["sample"][0] == {
        "row": 1,
        "serialNumber": "1",
        "productName": "Mug",
        "inputImageUrls": ["https://a.example/1.png", "https://a.example/2.png"],
    }
    assert len(batches.stored) == len(uploads_in(store)) == 1  # of the upload


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"files": {"file": ("p.csv", b"a,b\n1,2\n")}}, "Invalid CSV format"),
        ({"data": {"other": "x"}}, "No file was sent"),
    ],
)
async def test_what_an_upload_refuses_is_refused_and_keeps_nothing(
    http: httpx.AsyncClient,
    store: MemoryStore,
    batches: FakeBatches,
    *,
    sent: dict[str, Any],
    words: str,
) -> None:
    answer = await http.post("/api/validate", **sent)
    assert (answer.status_code, batches.stored, uploads_in(store)) == (400, {}, [])
    assert words in answer.json()["message"]


def parsed(text: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Event, id and data of each event."""
    found = []
    for block in text.replace("\r\n", "\n").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "data" in fields:
            found.append((fields["event"], fields["id"], json.loads(fields["data"])))
    return found


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "LOOK_SECONDS", 0.01)


#: The request is looked up before the stream, then for the first event, then again.
SECOND_LOOK = 3


async def until(found: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not found():  # noqa: ASYNC110 - the fakes have no event for it
            await asyncio.sleep(0.01)


async def test_each_change_is_an_event_and_the_stream_ends_with_the_request(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.running(done=1, total=2).build())
    call = asyncio.create_task(http.get("/api/requests/summer-2026/events"))
    await until(lambda: len(batches.asked) >= SECOND_LOOK)
    batches.add(batch.completed(succeeded=2).build())
    answer = await asyncio.wait_for(call, 5)

    assert answer.headers["content-type"].startswith("text/event-stream")
    first, last = parsed(answer.text)
    assert [e[0] for e in (first, last)] == ["status", "status"]
    assert (first[2]["status"], last[2]["status"]) == ("processing", "completed")
    assert last[2] == (await http.get("/api/requests/summer-2026")).json()


async def test_who_comes_back_with_the_last_id_gets_only_what_has_changed_since(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.completed(succeeded=2).build())
    call = "/api/requests/summer-2026/events"
    ((_, id_, _data),) = parsed((await http.get(call)).text)
    same = await http.get(call, headers={"Last-Event-ID": id_})
    other = await http.get(call, headers={"Last-Event-ID": "older"})

    assert parsed(same.text) == []
    assert [event[1] for event in parsed(other.text)] == [id_]


async def test_a_stream_outlives_an_api_server_that_is_away_and_ends_with_a_deletion(
    http: httpx.AsyncClient,
    batches: FakeBatches,
    batch: BatchBuilder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batches.add(batch.running(done=1, total=2).build())
    call = asyncio.create_task(http.get("/api/requests/summer-2026/events"))
    await until(lambda: len(batches.asked) >= SECOND_LOOK)
    refused: list[str] = []

    async def away(name: str) -> None:
        refused.append(name)
        raise ClusterUnavailable("away", undecided=True)

    with monkeypatch.context() as patched:
        patched.setattr(batches, "get", away)
        await until(lambda: len(refused) >= 2)
    assert not call.done()
    await batches.delete("summer-2026")
    answer = await asyncio.wait_for(call, 5)
    assert len(parsed(answer.text)) == 1


async def test_an_unknown_request_is_404_before_any_stream(http: httpx.AsyncClient) -> None:
    answer = await http.get("/api/requests/none/events")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
