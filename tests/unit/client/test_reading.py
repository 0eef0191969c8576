"""Lists, downloads and events: read in pieces, and continued where they broke off."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import io
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from imagebatch import AsyncClient, Client, GatewayUnreachable, Image, NotFound, TransferBroken
from imagebatch.server_events import EventReader
from unit.client.gateway import ScriptedGateway, a_request, problem


class Breaks(httpx.SyncByteStream):
    """A body that breaks off after its pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces
        raise httpx.ReadError("reset")


def image(row: int, **more: object) -> dict[str, object]:
    return {
        "row": row,
        "position": 1,
        "inputUrl": "http://a.example/b.jpg",
        "status": "kept",
        **more,
    }


def test_pages_are_followed_by_their_cursor_at_the_callers_address() -> None:
    address = "https://images.shop.example/api/requests/r1/images?limit=2&cursor=c%2B1"
    gateway = ScriptedGateway(
        httpx.Response(200, json={"items": [image(1), image(2)], "next": address}),
        httpx.Response(200, json={"items": [], "next": address.replace("1", "2")}),
        httpx.Response(200, json={"items": [image(3)], "next": None}),
    )
    with gateway.client() as client:
        rows = [one.row for one in client.images("r1", status="kept", page_size=2)]
    assert rows == [1, 2, 3]
    assert {request.url.host for request in gateway.sent} == {"gateway.test"}
    assert [dict(request.url.params) for request in gateway.sent] == [
        {"status": "kept", "limit": "2"},
        {"status": "kept", "limit": "2", "cursor": "c+1"},
        {"status": "kept", "limit": "2", "cursor": "c+2"},
    ]


def ranged(etag: str = '"e"') -> dict[str, str]:
    return {"ETag": etag, "Accept-Ranges": "bytes"}


def test_a_download_continues_where_it_broke_off(tmp_path: Path) -> None:
    gateway = ScriptedGateway(
        httpx.Response(200, headers=ranged(), stream=Breaks(b"abc", b"de")),
        problem(503),
        httpx.Response(206, headers=ranged(), content=b"fgh"),
    )
    with gateway.client() as client:
        client.download("r1", tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == b"abcdefgh"
    assert gateway.sent[2].headers["Range"] == "bytes=5-"
    assert gateway.sent[2].headers["If-Range"] == '"e"'
    assert list(tmp_path.iterdir()) == [tmp_path / "out.csv"]


def test_a_file_begins_anew_when_it_cannot_be_continued(tmp_path: Path) -> None:
    gateway = ScriptedGateway(
        httpx.Response(200, stream=Breaks(b"abc")), httpx.Response(200, content=b"xyz")
    )
    with gateway.client() as client:
        client.download("r1", tmp_path / "out.zip", "zip")
    assert (tmp_path / "out.zip").read_bytes() == b"xyz"
    assert "Range" not in gateway.sent[1].headers


def test_a_stream_that_cannot_be_continued_is_an_error_not_a_mixture() -> None:
    gateway = ScriptedGateway(
        httpx.Response(200, stream=Breaks(b"abc")), httpx.Response(200, content=b"xyz")
    )
    out = io.BytesIO()
    with gateway.client() as client, pytest.raises(TransferBroken):
        client.download("r1", out)
    assert out.getvalue() == b"abc"


def test_a_failed_download_leaves_the_earlier_file(tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    target.write_text("earlier")
    broken = [httpx.Response(200, stream=Breaks(b"abc"))] + [httpx.ConnectError("no")] * 3
    with ScriptedGateway(*broken).client() as client, pytest.raises(GatewayUnreachable):
        client.download("r1", target)
    assert target.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [target]


KEY = f"shop/u1/images/1-1-{'a' * 64}.jpg"


def test_an_output_of_the_gateway_is_read_where_the_caller_reaches_it(tmp_path: Path) -> None:
    found = Image.model_validate(
        image(1, outputUrl=f"https://images.shop.example/files/{KEY}", outputKey=KEY)
    )
    gateway = ScriptedGateway(httpx.Response(200, content=b"jpeg"))
    with gateway.client(token="ibk_secret") as client:
        client.download_output(
            found, tmp_path / "a.jpg", sha256=hashlib.sha256(b"jpeg").hexdigest()
        )
    (request,) = gateway.sent
    assert str(request.url) == f"http://gateway.test/files/{KEY}"
    assert request.headers["Authorization"] == "Bearer ibk_secret"


def test_no_token_goes_to_a_public_address_of_an_output(tmp_path: Path) -> None:
    found = Image.model_validate(image(1, outputUrl=f"https://cdn.example/{KEY}", outputKey=KEY))
    gateway = ScriptedGateway(httpx.Response(200, content=b"other"))
    caller = gateway.client(token="ibk_secret", namespace="shop")
    with caller as client, pytest.raises(TransferBroken):
        client.download_output(found, tmp_path / "a.jpg", sha256="0" * 64)
    (request,) = gateway.sent
    assert str(request.url) == f"https://cdn.example/{KEY}"
    assert "Authorization" not in request.headers
    assert list(tmp_path.iterdir()) == []


def event(id_: str, **changes: object) -> bytes:
    data = json.dumps(a_request(**changes), ensure_ascii=False)
    return f"event: status\nid: {id_}\ndata: {data}\n\n".encode()


def test_events_go_on_after_a_broken_connection() -> None:
    first = event("1") + b": ping\n\n" + event("2", message="a\u2028b")
    gateway = ScriptedGateway(
        httpx.Response(200, stream=Breaks(first[:50], first[50:], event("3")[:30])),
        problem(503),
        httpx.Response(200, content=event("4", status="completed") + event("5")),
    )
    with gateway.client() as client:
        seen = [(one.status.value, one.message) for one in client.events("r1")]
    assert seen == [("processing", None), ("processing", "a\u2028b"), ("completed", None)]
    assert [request.headers.get("Last-Event-ID") for request in gateway.sent] == [None, "2", "2"]


def test_events_of_a_deleted_request_end_with_not_found() -> None:
    gateway = ScriptedGateway(httpx.Response(200, content=event("1")), problem(404, "gone"))
    with gateway.client() as client, pytest.raises(NotFound):
        list(client.events("r1"))


def test_events_end_when_nothing_comes_any_more() -> None:
    gateway = ScriptedGateway(*[httpx.Response(200, content=b"")] * 3)
    with gateway.client() as client, pytest.raises(GatewayUnreachable):
        list(client.events("r1"))


def test_data_of_several_lines_is_one_event() -> None:
    (found,) = EventReader().feed(b"data: a\r\ndata:b\r\n\r\n")
    assert (found.name, found.data, found.id) == ("message", "a\nb", None)


def test_both_clients_offer_the_same() -> None:
    def offered(client: type) -> dict[str, list[str]]:
        return {
            name: list(inspect.signature(method).parameters)
            for name, method in vars(client).items()
            if inspect.isfunction(method) and not name.startswith("_")
        }

    assert offered(Client) == offered(AsyncClient)


async def test_the_async_client_retries_pages_and_streams(tmp_path: Path) -> None:
    pages = iter(
        [
            problem(503),
            httpx.Response(200, json={"items": [image(1)], "next": "http://x/?cursor=c"}),
            httpx.Response(200, json={"items": [image(2)], "next": None}),
            httpx.Response(200, content=event("1") + event("2", status="failed")),
            httpx.Response(200, content=b"csv"),
            httpx.Response(200, json=a_request()),
            httpx.Response(200, json=a_request()),
        ]
    )

    async def at_once(_seconds: float) -> None:
        await asyncio.sleep(0)

    async with AsyncClient(
        "http://gateway.test",
        transport=httpx.MockTransport(lambda _: next(pages)),
        sleep=at_once,
    ) as client:
        assert [one.row async for one in client.images("r1")] == [1, 2]
        assert [one.status.value async for one in client.events("r1")] == ["processing", "failed"]
        await client.download("r1", tmp_path / "out.csv")
        with pytest.raises(TimeoutError):
            await client.wait("r1", timeout=0)
    assert (tmp_path / "out.csv").read_bytes() == b"csv"


def test_waiting_ends_with_the_request_or_the_time() -> None:
    running, ended = (httpx.Response(200, json=a_request(status=s)) for s in ("pending", "failed"))
    gateway = ScriptedGateway(running, ended, running)
    with gateway.client() as client:
        assert client.wait("r1").status.value == "failed"
        assert gateway.waits == [2.0]
        with pytest.raises(TimeoutError):
            client.wait("r1", timeout=0)
