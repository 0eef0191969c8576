"""Hosts that dribble, and hosts that take no connection: what they may cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from imagebatch_core.job import JobSource, RunnerJob
from imagebatch_core.keys import BatchKeys
from imagebatch_core.results import ErrorCode
from imagebatch_runner.failures import ImageFailed, SourceUnavailable
from imagebatch_runner.fetch.fetcher import Fetcher
from imagebatch_runner.fetch.web import open_session
from imagebatch_runner.settings import Settings
from imagebatch_runner.steps.batch import Batch
from imagebatch_runner.steps.source import copied_input
from imagebatch_runner.store.storage import Storage
from support.imagehost import ImageHost
from support.pictures import jpeg
from support.recordednet import RecordedNet

DATA = jpeg(size=(400, 300))
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 100000\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
#: As the defaults, but so short that a test can wait for them.
HASTY: dict[str, Any] = {"fetch_floor_seconds": 0.5, "fetch_read_seconds": 0.5}


def dribble(before: bytes, piece: bytes) -> Callable[[Any], None]:
    """An answer that begins with ``before`` and goes on with a piece every 50 ms, for a minute."""

    def answer(handler: Any) -> None:
        handler.wfile.write(before)
        for _ in range(1200):
            handler.wfile.write(piece)
            if handler.server.host.wait(0.05):
                return

    return answer


DRIBBLES = {
    "body": dribble(HEAD + b"\r\n", b"x"),
    "chunked body": dribble(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"
    ),
    "size of a chunk": dribble(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=", b"x"),
    "head": dribble(HEAD + b"X-A: ", b"x"),
    "early hints": dribble(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
}


@asynccontextmanager
async def fetching(retries: int = 0, **settings: Any) -> AsyncIterator[Fetcher]:
    made = Settings(**({"fetch_allow": "127.0.0.1", "retry_base_seconds": 0.01} | settings))
    async with open_session(made) as session:
        yield Fetcher(session, made, retries)


async def ends(fetcher: Fetcher, *urls: str) -> list[bytes | ImageFailed]:
    async def one(url: str) -> bytes | ImageFailed:
        try:
            async with fetcher.fetched(url) as fetched:
                return fetched.content.whole()
        except ImageFailed as failure:
            return failure

    return list(await asyncio.gather(*map(one, urls)))


@pytest.mark.parametrize("part", DRIBBLES)
async def test_a_host_that_dribbles_costs_an_attempt_a_window_and_not_two_minutes(
    host: ImageHost, part: str
) -> None:
    url = host.on("a.jpg", DRIBBLES[part])
    began = time.monotonic()
    async with fetching(retries=1, **HASTY) as fetcher:
        (failure,) = await ends(fetcher, url)
    assert isinstance(failure, ImageFailed)
    assert (failure.code, failure.attempts) == (ErrorCode.TIMEOUT, 2)
    assert time.monotonic() - began < 30
    if part in ("body", "chunked body", "size of a chunk"):
        assert failure.message == "the host sends less than 1000 bytes a second, for 0.5 s"


async def test_a_host_that_is_slow_and_steady_is_waited_for(host: ImageHost) -> None:
    def answer(handler: Any) -> None:
        handler.wfile.write(HEAD + b"\r\n")
        for _ in range(20):
            handler.wfile.write(b"x" * 5000)
            time.sleep(0.1)

    async with fetching(fetch_floor_seconds=1) as fetcher:
        (body,) = await ends(fetcher, host.on("a.jpg", answer))
    assert body == b"x" * 100_000


def test_a_csv_that_dribbles_is_given_up_as_an_image_is(host: ImageHost, tmp_path: Path) -> None:
    source = JobSource(url=host.on("list.csv", DRIBBLES["body"]))
    job = RunnerJob(namespace="shop", name="spring", uid="u", source=source, retries=0)
    storage = Storage.open(f"file://{tmp_path}", {}, patience=5)
    settings = Settings(fetch_allow="127.0.0.1", **HASTY)
    batch = Batch(job, BatchKeys.of("shop", "u"), storage, settings)
    with pytest.raises(SourceUnavailable, match="sends less than 1000 bytes"), copied_input(batch):
        pass


async def test_images_of_a_host_that_takes_no_connection_fail_at_once_until_it_comes_back(
    host: ImageHost,
) -> None:
    urls = [f"http://shop.example/{number}.jpg" for number in range(20)]
    host.add_everywhere(DATA)
    net = RecordedNet().name("shop.example", ["8.8.8.8"]).on(asyncio.get_running_loop())
    async with fetching(fetch_breaker_attempts=5, fetch_breaker_seconds=1) as fetcher:
        tried = await ends(fetcher, *urls)
        assert {failure.attempts for failure in tried if isinstance(failure, ImageFailed)} == {1}
        assert len(net.dialled) == 20, "not for long enough to give the host up"
        await asyncio.sleep(1)
        await ends(fetcher, urls[0])
        net.dialled.clear()
        refused = await ends(fetcher, *urls)
        assert net.dialled == []
        for failure in refused:
            assert isinstance(failure, ImageFailed)
            assert (failure.code, failure.attempts) == (ErrorCode.CONNECT_FAILED, 0)
            assert failure.message == (
                "the last 21 attempts failed to connect: shop.example:80 refuses connections; the "
                "host is tried again every 1 s"
            )
        net.forward = host.port
        await asyncio.sleep(1.1)
        assert await ends(fetcher, urls[0]) == [DATA]
        assert await ends(fetcher, *urls) == [DATA] * 20


async def test_an_image_is_not_tried_again_at_a_host_that_was_given_up_meanwhile() -> None:
    net = RecordedNet().name("shop.example", ["8.8.8.8"]).on(asyncio.get_running_loop())
    # Each wait between two attempts is far shorter than the time in which no attempt is made.
    settings = {"fetch_breaker_attempts": 2, "fetch_breaker_seconds": 1}
    async with fetching(100, **settings, retry_max_seconds=0.2, retry_base_seconds=0.2) as fetcher:
        (failure,) = await ends(fetcher, "http://shop.example/a.jpg")
    assert isinstance(failure, ImageFailed)
    assert failure.attempts == len(net.dialled) < 100
