"""A large CSV goes on to the store while it arrives."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import obstore
import pytest
from obstore.store import MemoryStore

from imagebatch_gateway.app import create_app
from imagebatch_gateway.backends.errors import StoreUnavailable
from imagebatch_gateway.backends.objects import Objects
from imagebatch_gateway.settings import Settings
from imagebatch_gateway.uploads import csv_check, streamed_form
from support.workbooks import by_xlsxwriter
from unit.gateway.builders import FakeBatches, uploads_in

MakeClient = Callable[..., httpx.AsyncClient]
HEADER = b"S. No.,Product Name,Input Image Urls\n"
ROW = b"%d,Mug %d,https://a.example/%d.png\n"


def catalogue(rows: int, header: bytes = HEADER) -> bytes:
    return header + b"".join(ROW % (n, n, n) for n in range(1, rows + 1))


LARGE = catalogue(10_000)


@pytest.fixture(autouse=True)
def streamed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Keys of the objects that were streamed; files are from 64 KiB on."""
    monkeypatch.setattr(streamed_form, "STREAMED_FROM", 64 * 1024)
    keys: list[str] = []
    put = Objects.put_stream

    async def noted(self: Objects, key: str, pieces: AsyncIterator[bytes]) -> None:
        keys.append(key)
        await put(self, key, pieces)

    monkeypatch.setattr(Objects, "put_stream", noted)
    return keys


def file(content: bytes) -> dict[str, Any]:
    return {"file": ("a.csv", content)}


async def test_the_object_is_what_was_sent_and_the_facts_are_those_of_a_spooled_file(
    client_of: MakeClient, store: MemoryStore, streamed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    http = client_of()
    content = LARGE + b"9,Cup,n/a\n"
    sent = await http.post("/api/upload", files=file(content), headers={"Idempotency-Key": "k"})
    assert sent.status_code == 200, sent.text
    (key,) = streamed
    assert uploads_in(store) == [key]
    assert bytes(obstore.get(store, key).bytes()) == content
    assert sent.json()["requestId"] in key

    monkeypatch.setattr(streamed_form, "STREAMED_FROM", 10**9)
    spooled = await http.post("/api/upload", files=file(content), headers={"Idempotency-Key": "k"})
    assert spooled.headers["Idempotency-Replayed"] == "true"
    assert spooled.json() == sent.json()
    assert len(streamed) == 1


@pytest.mark.parametrize(
    ("content", "options", "status"),
    [
        (LARGE + b'1,"open', {}, 400),
        (LARGE.replace(b"Input Image Urls", b"Pictures"), {}, 400),
        (LARGE, {"quality": "1000"}, 422),
        (LARGE, {"reuseFrom": "none"}, 422),
        (LARGE, {"sheet": "Products"}, 400),
    ],
    ids=["its end", "its header", "an option", "a missing request", "a sheet"],
)
async def test_a_refusal_leaves_nothing(
    http: httpx.AsyncClient,
    store: MemoryStore,
    batches: FakeBatches,
    streamed: list[str],
    *,
    content: bytes,
    options: dict[str, str],
    status: int,
) -> None:
    answer = await http.post("/api/upload", files=file(content), data=options)
    assert answer.status_code == status, answer.text
    assert len(streamed) == 1
    assert uploads_in(store) == []
    assert batches.stored == {}
    again = await http.post("/api/upload", files=file(LARGE))
    assert again.status_code == 200


async def test_how_a_file_is_read_may_be_told_after_it(
    http: httpx.AsyncClient, store: MemoryStore, streamed: list[str]
) -> None:
    content = LARGE.replace(HEADER, b"No,Input Image Urls,Pictures\n")
    boundary = "x"
    body = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        + content
        + b'\r\n--x\r\nContent-Disposition: form-data; name="imageUrlColumns"\r\n\r\nPictures'
        + b'\r\n--x\r\nContent-Disposition: form-data; name="productNameColumn"\r\n\r\nB'
        + b'\r\n--x\r\nContent-Disposition: form-data; name="serialNumberColumn"\r\n\r\nNo'
        + b"\r\n--x--\r\n"
    )
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    answer = await http.post("/api/upload", content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["products"] == 10_000
    assert uploads_in(store) == streamed


async def test_how_a_file_is_read_is_told_before_it_and_its_object_is_not_read_again(
    http: httpx.AsyncClient, store: MemoryStore, streamed: list[str], monkeypatch: Any
) -> None:
    async def unread(*_: Any) -> None:
        raise AssertionError("the object is read")

    monkeypatch.setattr(Objects, "open", unread)
    content = LARGE.replace(HEADER, b"No,Title,Pictures\n") + b"9,Cup,n/a\n"
    options = {"imageUrlColumns": "Pictures", "productNameColumn": "Title"}
    answer = await http.post("/api/upload", files=file(content), data=options)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["products"], answer.json()["rowProblemCount"]) == (10_001, 1)
    assert uploads_in(store) == streamed


@pytest.mark.parametrize(
    ("header", "fields", "why"),
    [
        (b"No,Title,Pictures\n", {}, "imageUrlColumns of an upload, before its file"),
        (b"No,Title,Pictures\n", {"imageUrlColumns": "Photos"}, "there is no column 'Photos'"),
        (HEADER, {"sheet": "Products"}, "a sheet is named"),
        (HEADER + b'1,"a" b,x\n', {}, "text follows a closing quote"),
    ],
    ids=["its columns", "a named column", "a sheet", "a row"],
)
async def test_a_file_is_refused_before_the_rest_of_it_arrives(
    settings: Settings,
    store: MemoryStore,
    batches: FakeBatches,
    *,
    header: bytes,
    fields: dict[str, str],
    why: str,
) -> None:
    app = create_app(settings, store, batches)
    part = b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
    body = b"".join(part % (name.encode(), text.encode()) for name, text in fields.items())
    body += b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
    sent: list[Any] = []
    rest = [LARGE, b"\r\n--x--\r\n"]
    answered = asyncio.Event()
    messages = [
        {"type": "http.request", "body": body + catalogue(10_000, header), "more_body": True}
    ]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        async with asyncio.timeout(20):
            await answered.wait()
        return {"type": "http.request", "body": rest.pop(0), "more_body": bool(rest)}

    async def send(message: Any) -> None:
        sent.append(message)
        if message["type"] == "http.response.body" and message["body"]:
            answered.set()

    scope = {
        "type": "http", "method": "POST", "path": "/api/upload", "raw_path": b"/api/upload",
        "query_string": b"", "http_version": "1.1", "scheme": "http", "root_path": "",
        "headers": [
            (b"host", b"127.0.0.1"),
            (b"content-type", b"multipart/form-data; boundary=x"),
            (b"content-length", b"900000"),
        ],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    await app(scope, receive, send)
    start, *bodies = sent
    assert start["status"] == 400
    assert (b"connection", b"close") in start["headers"]
    assert why in json.loads(bodies[0]["body"])["detail"]
    # The response is whole before the rest is read and dropped, and ends after it.
    assert [one.get("more_body", False) for one in bodies] == [True, False]
    assert rest == []
    assert uploads_in(store) == []
    assert batches.stored == {}


async def test_a_workbook_is_spooled(http: httpx.AsyncClient, streamed: list[str]) -> None:
    rows = [["S. No.", "Product Name", "Input Image Urls"]]
    rows.extend(
        [str(n), f"Mug {n * 7919}", f"https://a.example/{n * 104_729}.png"] for n in range(9000)
    )
    content = by_xlsxwriter(rows)
    assert len(content) > 64 * 1024
    answer = await http.post("/api/upload", files=file(content))
    assert answer.status_code == 200, answer.text
    assert streamed == []


async def test_more_uploads_than_streams_are_spooled(
    client_of: MakeClient, store: MemoryStore, streamed: list[str]
) -> None:
    http = client_of(uploads_at_once=1)

    async def held() -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        yield LARGE
        other = await http.post("/api/upload", files=file(LARGE))
        assert other.status_code == 200
        assert len(streamed) == 1
        yield b"\r\n--x--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert (await http.post("/api/upload", content=held(), headers=headers)).status_code == 200
    assert len(uploads_in(store)) == 2
    assert (await http.post("/api/upload", files=file(LARGE))).status_code == 200
    assert len(streamed) == 2


async def test_a_store_that_fails_in_the_middle_is_503_and_frees_the_stream(
    client_of: MakeClient,
    store: MemoryStore,
    batches: FakeBatches,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    http = client_of(uploads_at_once=1)

    async def failing(_: Objects, __: str, pieces: AsyncIterator[bytes]) -> None:
        await anext(pieces)
        raise StoreUnavailable("the object store does not answer")

    with monkeypatch.context() as patched:
        patched.setattr(Objects, "put_stream", failing)
        for _ in range(3):
            answer = await http.post("/api/upload", files=file(LARGE))
            assert answer.status_code == 503
            assert int(answer.headers["Retry-After"]) > 0
    assert batches.stored == {}
    assert (await http.post("/api/upload", files=file(LARGE))).status_code == 200


async def test_a_client_that_goes_in_the_middle_leaves_nothing(
    settings: Settings, store: MemoryStore, batches: FakeBatches, streamed: list[str]
) -> None:
    app = create_app(settings, store, batches)
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
    messages = [{"type": "http.request", "body": head + LARGE, "more_body": True}]

    async def receive() -> dict[str, Any]:
        return messages.pop() if messages else {"type": "http.disconnect"}

    async def send(_: Any) -> None:
        """Nobody reads it."""

    scope = {
        "type": "http", "method": "POST", "path": "/api/upload", "raw_path": b"/api/upload",
        "query_string": b"", "http_version": "1.1", "scheme": "http", "root_path": "",
        "headers": [(b"host", b"127.0.0.1"), (b"content-type", b"multipart/form-data; boundary=x")],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    await app(scope, receive, send)
    assert len(streamed) == 1
    assert uploads_in(store) == []
    assert batches.stored == {}


async def test_the_check_ends_after_its_rows_and_the_rest_is_stored(
    http: httpx.AsyncClient, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_check, "CHECKED_WHOLE", 100_000)
    monkeypatch.setattr(csv_check, "ROWS_CHECKED", 1000)
    content = LARGE + b'1,"open'
    answer = await http.post("/api/upload", files=file(content))
    assert answer.status_code == 200, answer.text
    assert 1000 <= answer.json()["rowsChecked"] < 10_000
    (key,) = uploads_in(store)
    assert bytes(obstore.get(store, key).bytes()) == content
