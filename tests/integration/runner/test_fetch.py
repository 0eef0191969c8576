"""Fetching from a real host that misbehaves in every way we have a code for."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
import yarl

from imagebatch_core.results import ErrorCode
from imagebatch_runner.failures import ImageFailed
from imagebatch_runner.fetch.attempt import COPIES, Fetched
from imagebatch_runner.fetch.fetcher import Fetcher
from imagebatch_runner.fetch.validators import Validators
from imagebatch_runner.fetch.web import open_session
from imagebatch_runner.settings import Settings
from support.imagehost import ImageHost
from support.pictures import jpeg

DATA = jpeg(size=(400, 300))
Fetch = Callable[..., Any]


class Waits(list[float]):
    """Stands in for sleeping: records and returns at once."""

    def __init__(self) -> None:
        super().__init__()
        self.first = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)
        self.first.set()


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def fetch(waits: Waits) -> Fetch:
    """``await fetch(url, retries=…, **settings)``: what was fetched, or the failure."""

    async def one(
        url: str, retries: int = 0, known: Validators | None = None, **overrides: Any
    ) -> Fetched | ImageFailed:
        settings = Settings(**({"fetch_allow": "127.0.0.1"} | overrides))
        async with open_session(settings) as session:
            fetcher = Fetcher(session, settings, retries, sleep=waits, chance=lambda: 0.5)
            try:
                async with fetcher.fetched(url, known) as fetched:
                    return fetched
            except ImageFailed as failure:
                return failure

    return one


async def test_image_is_fetched_with_a_contact_in_the_user_agent(
    fetch: Fetch, host: ImageHost
) -> None:
    fetched = await fetch(host.add("a.jpg", DATA), contact_url="https://shop.example/bot")
    assert (fetched.content.whole(), fetched.http_status, fetched.attempts) == (DATA, 200, 1)
    assert host.headers["User-Agent"].startswith("ImageBatch/")
    assert "(+https://shop.example/bot)" in host.headers["User-Agent"]
    assert host.headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [
        (404, ErrorCode.HTTP_STATUS, False),
        (403, ErrorCode.HTTP_STATUS, False),
        (206, ErrorCode.HTTP_STATUS, False),
        (408, ErrorCode.TIMEOUT, True),
        (429, ErrorCode.TOO_MANY_REQUESTS, True),
        (500, ErrorCode.SERVER_ERROR, True),
        (503, ErrorCode.SERVER_ERROR, True),
    ],
)
async def test_status_is_told_and_retried_where_it_may_pass(
    fetch: Fetch, host: ImageHost, status: int, code: ErrorCode, retryable: bool
) -> None:
    failure = await fetch(host.status("a.jpg", status), retries=2)
    assert (failure.code, failure.http_status) == (code, status)
    assert failure.attempts == host.requests["/a.jpg"] == (3 if retryable else 1)


async def test_failure_that_passes_leaves_a_success_and_its_attempts(
    fetch: Fetch, host: ImageHost, waits: Waits
) -> None:
    fetched = await fetch(host.failing_first("a.jpg", DATA, times=2), retries=3)
    assert (fetched.content.whole(), fetched.attempts) == (DATA, 3)
    assert list(waits) == [0.5, 1.0]


async def test_retry_after_is_honoured(fetch: Fetch, host: ImageHost, waits: Waits) -> None:
    url = host.status("a.jpg", 429, {"Retry-After": "0"})
    await fetch(url, retries=1)
    assert list(waits) == [0.5]
    long = await fetch(host.status("b.jpg", 503, {"Retry-After": "3600"}), retries=3)
    assert (long.code, long.attempts) == (ErrorCode.SERVER_ERROR, 1)


async def test_retry_after_may_be_a_date(fetch: Fetch, host: ImageHost, waits: Waits) -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    fetching = asyncio.create_task(fetch(host.status("a.jpg", 429, {"Retry-After": soon}), 1))
    async with asyncio.timeout(60):
        await waits.first.wait()
    fetching.cancel()  # before the second attempt, which the host's pause holds back in earnest
    with pytest.raises(asyncio.CancelledError):
        await fetching
    assert 0.5 < waits[0] <= 30.5
    assert host.requests["/a.jpg"] == 1


async def test_host_that_asks_to_wait_is_left_alone_by_its_other_images(host: ImageHost) -> None:
    """The one that asked is the one at the end of the redirects."""
    busy = host.status("busy.jpg", 429, {"Retry-After": "2"})
    with ImageHost() as shop:
        moved = shop.redirect("moved.jpg", busy)
        calm = shop.add("calm.jpg", DATA)
        other = host.add("other.jpg", DATA)
        settings = Settings(fetch_allow="127.0.0.1")
        async with open_session(settings) as session:
            fetcher = Fetcher(session, settings, 0)
            with pytest.raises(ImageFailed):
                async with fetcher.fetched(moved):
                    pass
            async with asyncio.timeout(1.5), fetcher.fetched(calm):
                pass
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3), fetcher.fetched(other):
                    pass
    assert not host.requests["/other.jpg"]


async def test_connection_that_is_reset_is_tried_again(fetch: Fetch, host: ImageHost) -> None:
    refused = await fetch(host.reset("a.jpg"), retries=1)
    assert (refused.code, refused.attempts) == (ErrorCode.CONNECT_FAILED, 2)
    assert refused.http_status is None
    broken = await fetch(host.reset("b.jpg", DATA), retries=1)
    assert broken.code in (ErrorCode.CONNECT_FAILED, ErrorCode.INCOMPLETE_BODY)
    assert (broken.http_status, broken.attempts) == (200, 2)
    assert host.requests["/b.jpg"] == 2
    url = host.sequence(
        "c.jpg",
        lambda h: h.reset(),
        lambda h: h.reset(DATA),
        lambda h: h.reply(503, b"", "text/plain"),
        lambda h: h.reply(200, DATA, "image/jpeg"),
    )
    fetched = await fetch(url, retries=3)
    assert (fetched.content.whole(), fetched.http_status, fetched.attempts) == (DATA, 200, 3)
    assert host.requests["/c.jpg"] == 4  # the first one was repeated on a new connection at once


async def test_status_is_that_of_the_last_attempts_last_answer(
    fetch: Fetch, host: ImageHost
) -> None:
    host.sequence("a.jpg", lambda h: h.reply(503, b"", "text/plain"), lambda h: h.reset())
    silent = await fetch(host.url("a.jpg"), retries=1)
    assert (silent.code, silent.http_status) == (ErrorCode.CONNECT_FAILED, None)
    gone = await fetch(host.redirect("b.jpg", "/nowhere.jpg"))
    assert (gone.code, gone.http_status) == (ErrorCode.HTTP_STATUS, 404)
    host.redirect("loop", "/loop")
    assert (await fetch(host.url("loop"))).http_status == 302
    short = await fetch(host.truncated("c.jpg", DATA), retries=1)
    assert (short.http_status, short.attempts) == (200, 2)
    long = await fetch(host.add("d.jpg", DATA), fetch_max_bytes=10)
    assert (long.code, long.http_status) == (ErrorCode.TOO_MANY_BYTES, 200)


async def test_redirects_are_followed_to_their_limit(fetch: Fetch, host: ImageHost) -> None:
    host.add("a.jpg", DATA)
    for n in range(6):
        host.redirect(f"hop{n}", "/a.jpg" if n == 0 else f"hop{n - 1}")
    assert (await fetch(host.url("hop4"))).content.whole() == DATA
    assert (await fetch(host.url("hop5"))).code is ErrorCode.TOO_MANY_REDIRECTS


async def test_every_redirect_is_checked(fetch: Fetch, host: ImageHost) -> None:
    hidden = host.add("hidden.jpg", DATA)
    private = host.redirect("r1", hidden.replace("127.0.0.1", "127.0.0.2"))
    assert (await fetch(private)).code is ErrorCode.ADDRESS_REFUSED
    metadata = host.redirect("r2", "http://169.254.169.254/latest/meta-data/")
    assert (await fetch(metadata)).code is ErrorCode.ADDRESS_REFUSED
    assert (await fetch(host.redirect("r3", "file:///etc/passwd"))).code is ErrorCode.INVALID_URL
    assert not host.requests["/hidden.jpg"]


async def test_private_addresses_are_closed_by_default(fetch: Fetch, host: ImageHost) -> None:
    url = host.add("a.jpg", DATA)
    failure = await fetch(url, retries=3, fetch_allow="")
    assert (failure.code, failure.attempts) == (ErrorCode.ADDRESS_REFUSED, 1)
    named = url.replace("127.0.0.1", "localhost")
    assert (await fetch(named, fetch_allow="")).code is ErrorCode.ADDRESS_REFUSED
    assert not host.requests
    loopback = "127.0.0.0/8,::1"
    assert (await fetch(named, fetch_allow=loopback)).content.whole() == DATA


@pytest.mark.parametrize(
    "url",
    ["", "a.jpg", "ftp://x/y", "http://", "http://u:p@host/x", "http://0x7f000001/", "http://["],
)
async def test_url_that_is_none_fails_alone(fetch: Fetch, url: str) -> None:
    failure = await fetch(url, retries=3)
    assert (failure.code, failure.attempts) == (ErrorCode.INVALID_URL, 1)


async def test_name_that_does_not_resolve(fetch: Fetch) -> None:
    assert (await fetch("http://no-such-host.invalid/a")).code is ErrorCode.DNS_FAILED


async def test_body_that_ends_early(fetch: Fetch, host: ImageHost) -> None:
    assert (await fetch(host.truncated("a.jpg", DATA))).code is ErrorCode.INCOMPLETE_BODY


async def test_slow_host_times_out(fetch: Fetch, host: ImageHost) -> None:
    url = host.slow("a.jpg", DATA, 5)
    assert (await fetch(url, fetch_read_seconds=0.2)).code is ErrorCode.TIMEOUT
    assert (await fetch(url, fetch_total_seconds=0.2)).code is ErrorCode.TIMEOUT


async def test_body_over_the_limit_is_refused_with_and_without_length(
    fetch: Fetch, host: ImageHost
) -> None:
    announced = await fetch(host.add("a.jpg", DATA), fetch_max_bytes=len(DATA) - 1)
    streamed = await fetch(host.chunked("b.jpg", DATA), fetch_max_bytes=len(DATA) - 1)
    assert announced.code is streamed.code is ErrorCode.TOO_MANY_BYTES
    assert (await fetch(host.url("b.jpg"), fetch_max_bytes=len(DATA))).content.whole() == DATA


async def test_long_body_without_a_length_asks_again_with_room(
    fetch: Fetch, host: ImageHost
) -> None:
    long = DATA + bytes(9 << 20)
    fetched = await fetch(host.chunked("a.jpg", long))
    assert (fetched.content.size, fetched.attempts) == (len(long), 1)


async def test_compression_nobody_asked_for_is_undone_within_the_limit(
    fetch: Fetch, host: ImageHost
) -> None:
    def zipped(name: str, data: bytes, encoding: str = "gzip") -> str:
        headers = {"Content-Encoding": encoding}
        return host.on(name, lambda h: h.reply(200, gzip.compress(data), "image/jpeg", headers))

    assert (await fetch(zipped("a.jpg", DATA))).content.whole() == DATA
    bomb = await fetch(zipped("bomb.jpg", bytes(20 << 20)), fetch_max_bytes=1 << 20)
    assert bomb.code is ErrorCode.TOO_MANY_BYTES
    assert (await fetch(zipped("c.jpg", DATA, "br"))).code is ErrorCode.UNSUPPORTED_FORMAT


async def test_one_host_gets_few_requests_at_once(host: ImageHost) -> None:
    urls = [host.slow(f"{n}.jpg", DATA, 0.05) for n in range(12)]
    settings = Settings(fetch_allow="127.0.0.1", fetch_per_host=3)
    async with open_session(settings) as session:
        fetcher = Fetcher(session, settings, 0)

        async def one(url: str) -> None:
            async with fetcher.fetched(url):
                pass

        await asyncio.gather(*map(one, urls))
    assert host.most_concurrent <= 3


async def test_fetched_bytes_stay_within_the_budget(host: ImageHost) -> None:
    urls = [host.add(f"{n}.jpg", DATA) for n in range(12)]
    settings = Settings(fetch_allow="127.0.0.1", bytes_in_flight=2 * COPIES * len(DATA))
    held, most = 0, 0
    async with open_session(settings) as session:
        fetcher = Fetcher(session, settings, 0)

        async def one(url: str) -> None:
            nonlocal held, most
            async with fetcher.fetched(url):
                held += 1
                most = max(most, held)
                await asyncio.sleep(0.01)
                held -= 1

        await asyncio.gather(*map(one, urls))
    assert most == 2


async def test_bodies_count_by_what_they_unpack_to(host: ImageHost) -> None:
    size = 1 << 20
    small, headers = gzip.compress(bytes(size)), {"Content-Encoding": "gzip"}
    urls = [
        host.on(f"{n}.jpg", lambda h: h.reply(200, small, "image/jpeg", headers)) for n in range(6)
    ]
    settings = Settings(
        fetch_allow="127.0.0.1", fetch_max_bytes=size, bytes_in_flight=2 * COPIES * size
    )
    held, most = 0, 0
    async with open_session(settings) as session:
        fetcher = Fetcher(session, settings, 0)

        async def one(url: str) -> None:
            nonlocal held, most
            async with fetcher.fetched(url) as fetched:
                held += fetched.content.size
                most = max(most, held)
                await asyncio.sleep(0.01)
                held -= fetched.content.size

        await asyncio.gather(*map(one, urls))
    assert most == 2 * size


async def test_what_was_reserved_in_vain_is_given_back_once_the_body_is_there(
    host: ImageHost,
) -> None:
    urls = [host.chunked(f"{n}.jpg", DATA) for n in range(2)]
    settings = Settings(fetch_allow="127.0.0.1", bytes_in_flight=COPIES * (9 << 20))
    async with open_session(settings) as session, AsyncExitStack() as holding:
        fetcher = Fetcher(session, settings, 0)
        held = []
        for url in urls:
            async with asyncio.timeout(60):
                held.append(await holding.enter_async_context(fetcher.fetched(url)))
        assert [one.content.whole() for one in held] == [DATA] * 2


async def test_broken_compression_is_asked_for_once(fetch: Fetch, host: ImageHost) -> None:
    url = host.on("a", lambda h: h.reply(200, DATA, "image/jpeg", {"Content-Encoding": "gzip"}))
    assert (await fetch(url)).code is ErrorCode.CORRUPT
    assert sum(host.requests.values()) == 1


LONG_AGO = "Tue, 03 Mar 2026 04:05:06 GMT"


async def test_host_that_knows_the_validators_sends_no_body(fetch: Fetch, host: ImageHost) -> None:
    url = host.validated("a.jpg", DATA, etag='"1"', last_modified=LONG_AGO)
    first = await fetch(url)
    assert (first.content.whole(), first.http_status, first.attempts) == (DATA, 200, 1)
    assert first.validators == Validators('"1"', LONG_AGO)
    again = await fetch(url, known=first.validators)
    assert (again.not_modified, again.content.whole(), again.attempts) == (True, b"", 1)
    assert (host.statuses[200], host.statuses[304], host.body_bytes) == (1, 1, len(DATA))


async def test_date_with_bytes_that_are_no_text_is_not_recorded(
    fetch: Fetch, host: ImageHost
) -> None:
    fetched = await fetch(host.validated("a.jpg", DATA, last_modified=f"{LONG_AGO} (\xff)"))
    assert (fetched.content.whole(), fetched.validators) == (DATA, Validators())


async def test_validators_are_recorded_and_sent_where_redirects_led(
    fetch: Fetch, host: ImageHost
) -> None:
    target = host.validated("cdn/a.jpg", DATA, etag='"1"')
    url = host.redirect("a.jpg", target)
    first = await fetch(url)
    assert first.validators == Validators.of({"ETag": '"1"'}, yarl.URL(target))
    assert (await fetch(url, known=first.validators)).not_modified


async def test_equal_validator_of_another_address_confirms_nothing(
    fetch: Fetch, host: ImageHost
) -> None:
    known = replace(
        Validators.of({"ETag": '"1"'}, yarl.URL(host.url("cdn/old.jpg"))), last_modified=LONG_AGO
    )
    moved = host.validated("cdn/new.jpg", DATA, etag='"1"', last_modified=LONG_AGO)
    fetched = await fetch(host.redirect("a.jpg", moved), known=known)
    assert (fetched.content.whole(), fetched.http_status) == (DATA, 200)


async def test_304_to_a_question_that_was_not_asked_is_a_failure(
    fetch: Fetch, host: ImageHost
) -> None:
    url = host.on("a.jpg", lambda handler: handler.reply(304, b"", "image/jpeg"))
    failure = await fetch(url, known=Validators())
    assert (failure.code, failure.http_status) == (ErrorCode.HTTP_STATUS, 304)


async def test_question_is_asked_again_after_a_failure_that_may_pass(
    fetch: Fetch, host: ImageHost
) -> None:
    def answer(handler: Any) -> None:
        asked = handler.headers.get("If-None-Match") == '"1"'
        busy = host.requests["/a.jpg"] < 3
        handler.reply(503 if busy else 304 if asked else 200, b"", "text/plain")

    fetched = await fetch(host.on("a.jpg", answer), retries=3, known=Validators('"1"'))
    assert (fetched.not_modified, fetched.attempts) == (True, 3)
