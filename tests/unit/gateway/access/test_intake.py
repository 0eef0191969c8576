"""Bodies: how many at once, how many bytes, and for how long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from obstore.store import MemoryStore

from imagebatch_core.errors import ConfigurationRefused
from imagebatch_gateway.access import intake
from imagebatch_gateway.app import create_app
from imagebatch_gateway.settings import Settings
from unit.gateway.builders import CSV, FakeBatches, uploads_in

MakeClient = Callable[..., httpx.AsyncClient]
FILES = {"file": ("a.csv", CSV)}
FORM = {"Content-Type": "multipart/form-data; boundary=x"}
HEAD = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
TAIL = b"\r\n--x--\r\n"


class Held:
    """A body that ends when the test says so."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.end = asyncio.Event()

    async def __call__(self) -> AsyncIterator[bytes]:
        yield HEAD
        self.begun.set()
        await self.end.wait()
        yield CSV + TAIL


async def refused_body() -> AsyncIterator[bytes]:
    raise AssertionError("the body was read")
    yield b""


def code(answer: httpx.Response) -> str:
    return str(answer.json()["type"]).rsplit(":", 1)[-1]


async def test_one_upload_too_many_is_503_before_its_body_is_read(client_of: MakeClient) -> None:
    http = client_of(uploads_under_way=2)
    held = [Held(), Held()]
    calls = [
        asyncio.create_task(http.post("/api/upload", headers=FORM, content=body())) for body in held
    ]
    for body in held:
        await body.begun.wait()

    for path in ("/api/upload", "/upload", "/api/validate"):
        refused = await http.post(path, headers=FORM, content=refused_body())
        assert (refused.status_code, code(refused)) == (503, "too-many-uploads")
        assert int(refused.headers["Retry-After"]) > 0
    assert (await http.get("/api/requests")).status_code == 200
    for body in held:
        body.end.set()
    assert [(await call).status_code for call in calls] == [200, 200]
    assert (await http.post("/api/upload", files=FILES)).status_code == 200


async def test_bytes_under_way_are_bounded_whether_announced_or_not(client_of: MakeClient) -> None:
    http = client_of(upload_bytes_under_way=1024 * 1024)
    held = Held()
    announced = {**FORM, "Content-Length": str(len(HEAD + CSV + TAIL))}
    first = asyncio.create_task(http.post("/api/upload", headers=announced, content=held()))
    await held.begun.wait()

    room = 1024 * 1024 - int(announced["Content-Length"])
    large = {**FORM, "Content-Length": str(room + 1)}
    refused = await http.post("/api/upload", headers=large, content=refused_body())
    assert (refused.status_code, code(refused)) == (503, "too-many-uploads")

    async def unknown() -> AsyncIterator[bytes]:
        yield HEAD
        for _ in range(room // 1000 + 1):
            yield b"x" * 1000

    refused = await http.post("/api/upload", headers=FORM, content=unknown())
    assert (refused.status_code, code(refused)) == (503, "too-many-uploads")
    held.end.set()
    assert (await first).status_code == 200
    whole = {"file": ("a.csv", CSV + b"4,Pot,https://a.example/5.png\n" * 30_000)}
    assert (await http.post("/api/upload", files=whole)).status_code == 200


@pytest.mark.parametrize("trickle", [False, True], ids=["stops", "trickles"])
async def test_a_body_that_does_not_move_is_given_up_and_holds_nobody_out(
    client_of: MakeClient, batches: FakeBatches, store: MemoryStore, *, trickle: bool
) -> None:
    http = client_of(uploads_under_way=1, upload_stall_seconds=0.2)

    async def slow() -> AsyncIterator[bytes]:
        yield HEAD
        for _ in range(1000):
            await asyncio.sleep(0.05 if trickle else 60)
            yield b"x"

    answer = await asyncio.wait_for(http.post("/api/upload", headers=FORM, content=slow()), 10)
    assert (answer.status_code, code(answer)) == (408, "body-too-slow")
    assert uploads_in(store) == []
    assert batches.stored == {}
    assert (await http.post("/api/upload", files=FILES)).status_code == 200


async def test_a_steady_body_may_take_longer(client_of: MakeClient) -> None:
    http = client_of(upload_stall_seconds=0.2)

    async def steady() -> AsyncIterator[bytes]:
        yield HEAD + CSV
        for number in range(10):
            await asyncio.sleep(0.05)
            yield b"%d,Pot,https://a.example/%d.png\n" % (number, number) * 10
        yield TAIL

    assert (await http.post("/api/upload", headers=FORM, content=steady())).status_code == 200


async def test_a_document_is_read_into_memory_and_so_bounded(http: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 65_536

    headers = {"Content-Type": "application/json"}
    for method, path in (("POST", "/api/requests"), ("PATCH", "/api/requests/summer-2026")):
        answer = await http.request(method, path, headers=headers, content=endless())
        assert answer.status_code == 413
    large = b'{"name": "' + b"x" * intake.LARGEST_DOCUMENT + b'"}'
    answer = await http.post("/api/requests", headers=headers, content=large)
    assert (answer.status_code, answer.headers["Connection"]) == (413, "close")


@pytest.mark.parametrize(
    "path", ["/api/requests", "/api/session", "/api/keys", "/signin", "/requests/a/change"]
)
async def test_only_an_upload_may_be_large_whatever_it_says_of_itself(
    http: httpx.AsyncClient, path: str
) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        yield HEAD
        while True:
            read += 65_536
            assert read < 4 * intake.LARGEST_DOCUMENT
            yield b" " * 65_536

    answer = await http.post(path, headers=FORM, content=endless())
    assert answer.status_code in (403, 413)


async def test_many_or_large_fields_of_a_form_are_refused(http: httpx.AsyncClient) -> None:
    many = {f"field{number}": "x" for number in range(200)}
    assert (await http.post("/api/upload", files=FILES, data=many)).status_code == 400
    large = await http.post("/api/upload", files=FILES, data={"sheet": "x" * 100_000})
    assert large.status_code == 400


async def test_an_upload_by_the_page_takes_the_room_of_one(client_of: MakeClient) -> None:
    http = client_of(uploads_under_way=1)
    sent = await http.post("/new", files=FILES, headers={"Sec-Fetch-Site": "same-origin"})
    assert sent.status_code == 303, sent.text
    assert "/requests/" in sent.headers["Location"]


def test_room_for_less_than_one_upload_ends_the_start(
    settings: Settings, store: MemoryStore
) -> None:
    changed = settings.model_copy(update={"upload_bytes_under_way": 1024 * 1024 - 1})
    with pytest.raises(ConfigurationRefused, match="UPLOAD_BYTES_UNDER_WAY must be at least"):
        create_app(changed, store, FakeBatches())


class Gone:
    """An ASGI client that closes its connection once the whole body is sent."""

    def __init__(self, body: bytes) -> None:
        self._messages = [{"type": "http.request", "body": body, "more_body": False}]
        self.sent: list[Any] = []

    async def receive(self) -> dict[str, Any]:
        return self._messages.pop(0) if self._messages else {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)


async def upload_and_go(app: Any, **headers: str) -> int:
    client = Gone(HEAD + CSV + TAIL)
    sent = {**FORM, "Host": "127.0.0.1", **headers}
    scope = {
        "type": "http", "method": "POST", "path": "/api/upload", "raw_path": b"/api/upload",
        "query_string": b"", "http_version": "1.1", "scheme": "http", "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    await app(scope, client.receive, client.send)
    status: int = client.sent[0]["status"]
    return status


async def test_a_client_that_goes_before_the_batch_exists_leaves_nothing(
    settings: Settings, store: MemoryStore, batches: FakeBatches
) -> None:
    app = create_app(settings, store, batches)
    assert await upload_and_go(app) == 499
    assert uploads_in(store) == []
    assert batches.stored == {}
