"""Request headers of the credentials file, on real requests: who gets them and who does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from imagebatch_core.results import ErrorCode
from imagebatch_runner.failures import ImageFailed
from imagebatch_runner.fetch.attempt import Fetched
from imagebatch_runner.fetch.credentials import Credentials
from imagebatch_runner.fetch.fetcher import Fetcher
from imagebatch_runner.fetch.web import open_session
from imagebatch_runner.settings import Settings
from support.imagehost import ImageHost
from support.pictures import jpeg
from support.runnerbatch import RunnerBatch, products

DATA = jpeg(size=(120, 80))
KEY = "s3cr3t-api-key"


def demanding(host: ImageHost, name: str) -> str:
    """An image that only a request with the key gets; its host repeats what it was told."""

    def answer(handler: Any) -> None:
        told = handler.headers.get("X-Api-Key")
        if told == KEY:
            handler.reply(200, DATA, "image/jpeg")
        else:
            handler.send_response(403, f"no such key {handler.headers.get('Authorization')}")
            handler.send_header("Content-Length", "0")
            handler.end_headers()

    return host.on(name, answer)


def for_host(host: str, port: int, *, plain: bool = True, **more: Any) -> Credentials:
    entry = {"headers": {"X-Api-Key": KEY}, "plainHttp": plain}
    return Credentials.parse(json.dumps({f"{host}:{port}": entry, **more}))


async def fetch(url: str, credentials: Credentials) -> Fetched | ImageFailed:
    settings = Settings(fetch_allow="127.0.0.0/8,::1")
    async with open_session(settings, credentials) as session:
        try:
            async with Fetcher(session, settings, 0).fetched(url) as fetched:
                return fetched
        except ImageFailed as failure:
            return failure


async def test_host_that_demands_a_header_gets_it(host: ImageHost) -> None:
    fetched = await fetch(demanding(host, "a.jpg"), for_host("127.0.0.1", host.port))
    assert isinstance(fetched, Fetched)
    assert fetched.content.whole() == DATA
    assert host.headers["User-Agent"].startswith("ImageBatch/")


async def test_plain_http_gets_nothing_unless_the_entry_says_so(host: ImageHost) -> None:
    failure = await fetch(demanding(host, "a.jpg"), for_host("127.0.0.1", host.port, plain=False))
    assert isinstance(failure, ImageFailed)
    assert (failure.code, failure.http_status) == (ErrorCode.HTTP_STATUS, 403)
    assert "X-Api-Key" not in host.headers


@pytest.mark.parametrize("other_name", [True, False], ids=["name", "port"])
async def test_redirect_to_another_host_carries_nothing(host: ImageHost, other_name: bool) -> None:
    with ImageHost() as other:
        target = (host if other_name else other).add("image.jpg", DATA)
        if other_name:
            target = target.replace("127.0.0.1", "localhost")
        start = host.redirect("start.jpg", target)
        fetched = await fetch(start, for_host("127.0.0.1", host.port))
        assert isinstance(fetched, Fetched)
        last = (host if other_name else other).headers
        assert last["Host"] == target.split("/")[2]
        assert "X-Api-Key" not in last


async def test_redirect_looks_up_the_next_host_anew(host: ImageHost) -> None:
    with ImageHost() as other:
        start = host.redirect("start.jpg", demanding(other, "image.jpg"))
        assert isinstance(await fetch(start, for_host("127.0.0.1", other.port)), Fetched)
        assert "X-Api-Key" not in host.headers


async def test_redirect_on_the_same_host_keeps_its_headers(host: ImageHost) -> None:
    demanding(host, "image.jpg")
    start = host.redirect("start.jpg", "/image.jpg")
    assert isinstance(await fetch(start, for_host("127.0.0.1", host.port)), Fetched)


@pytest.fixture
def with_file(
    batch: Callable[..., RunnerBatch], tmp_path: Path
) -> Callable[[str, dict[str, Any]], RunnerBatch]:
    def build(text: str, entries: dict[str, Any]) -> RunnerBatch:
        file = tmp_path / "credentials.json"
        file.write_text(json.dumps(entries))
        made = batch(text)
        made.settings["IMAGEBATCH_FETCH_CREDENTIALS_FILE"] = str(file)
        made.settings["IMAGEBATCH_LOG_LEVEL"] = "debug"
        return made

    return build


def test_values_are_in_no_log_report_or_message(
    host: ImageHost, with_file: Callable[..., RunnerBatch]
) -> None:
    entry = {"headers": {"X-Api-Key": "wr0ng-key"}, "bearer": "t0ken-value", "plainHttp": True}
    urls = [demanding(host, "a.jpg"), host.add("b.jpg", DATA)]
    made = with_file(products(urls), {f"127.0.0.1:{host.port}": entry})
    ended = made.run("plan")
    assert ended.code == 0
    assert ended.message is not None
    failed, done = made.report()
    assert (failed["error_code"], failed["http_status"]) == ("http_status", 403)
    assert failed["error_message"] == "403 no such key Bearer …"
    assert done["status"] == "succeeded"
    assert host.headers["X-Api-Key"] == "wr0ng-key"
    stored = b"".join(made.get(key) for key in made.list(made.keys.root))
    for value in ("wr0ng-key", "t0ken-value"):
        assert value not in ended.log + ended.message.to_json()
        assert value.encode() not in stored


@pytest.mark.parametrize("before", [0, 190, 275, 290, 600])
@pytest.mark.parametrize("way", ["reason", "location"])
def test_no_beginning_of_a_value_is_left_where_a_long_message_is_cut(
    host: ImageHost, with_file: Callable[..., RunnerBatch], before: int, way: str
) -> None:
    value = "t0ken-value-" + "z" * 20
    padded = "x" * before + value

    def answer(handler: Any) -> None:
        if way == "reason":
            handler.send_response(403, padded)
        else:
            handler.send_response(302)
            handler.send_header("Location", f"http://127.1/{padded}")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    entry = {"bearer": value, "plainHttp": True}
    made = with_file(products([host.on("a.jpg", answer)]), {f"127.0.0.1:{host.port}": entry})
    ended = made.run("plan")
    assert ended.code == 0
    (failed,) = made.report()
    assert failed["error_code"] == ("http_status" if way == "reason" else "invalid_url")
    hidden = "x" * before + "…"
    why = "the host is an IPv4 address in an odd spelling"
    told = f"403 {hidden}" if way == "reason" else f"redirected to http://127.1/{hidden}: {why}"
    assert failed["error_message"] == told[:300]
    assert "t0k" not in ended.log

    made.job["source"] = {"url": host.on("products.csv", answer)}
    made.uid = str(uuid4())
    refused = made.run("plan")
    assert refused.code == 2
    assert refused.message is not None
    assert "t0k" not in refused.log + refused.message.to_json()


def test_source_url_of_the_csv_gets_its_headers_too(
    host: ImageHost, with_file: Callable[..., RunnerBatch]
) -> None:
    text = products([host.add("a.jpg", DATA)]).encode()

    def answer(handler: Any) -> None:
        told = handler.headers.get("X-Api-Key") == KEY
        handler.reply(200 if told else 401, text, "text/csv")

    entry = {"headers": {"X-Api-Key": KEY}, "plainHttp": True}
    made = with_file("", {f"127.0.0.1:{host.port}": entry})
    made.job["source"] = {"url": host.on("products.csv", answer)}
    assert made.run("plan").code == 0


def test_malformed_file_ends_the_plan_with_3_and_names_the_entry(
    host: ImageHost, with_file: Callable[..., RunnerBatch]
) -> None:
    entry = {"headers": {"Host": "s3cr3t-value"}}
    made = with_file(products([host.add("a.jpg", DATA)]), {"images.example.com": entry})
    for step in ("plan", "compress"):
        ended = made.run(step)
        assert ended.code == 3
        assert ended.message is not None
        assert "entry 'images.example.com': header Host" in (ended.message.error or "")
        assert "s3cr3t-value" not in ended.log + ended.message.to_json()
    assert not host.requests
