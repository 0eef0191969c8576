"""Hosts that lie, stall or never end: each costs its own image, within the limits, by one code."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import socket
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from imagebatch_core.results import ErrorCode
from imagebatch_runner.failures import ImageFailed
from imagebatch_runner.fetch.fetcher import Fetcher
from imagebatch_runner.fetch.web import open_session
from imagebatch_runner.settings import Settings
from support.badanswers import OK, answered, dripping, endless, raw, reset
from support.imagehost import ImageHost
from support.pictures import jpeg

MIB = 1 << 20
DATA = jpeg(size=(60, 40))
LENGTH = f"Content-Length: {len(DATA)}"
CHUNKED = "Transfer-Encoding: chunked"
Fetch = Callable[..., Any]


@pytest.fixture
def fetch() -> Fetch:
    """``await fetch(url, …, **settings)``: the bytes or the code of each, by one fetcher."""

    async def several(*urls: str, **overrides: Any) -> list[bytes | ErrorCode]:
        settings = Settings(**({"fetch_allow": "127.0.0.0/8,::1"} | overrides))
        found: list[bytes | ErrorCode] = []
        async with open_session(settings) as session:
            fetcher = Fetcher(session, settings, 0)
            for url in urls:
                try:
                    async with fetcher.fetched(url) as fetched:
                        found.append(fetched.content.whole())
                except ImageFailed as failure:
                    found.append(failure.code)
        return found

    return several


def chunks(*bodies: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(body), body) for body in bodies)


SLOW = {
    "headers that drip": (b"HTTP/1.1 200 OK\r\nX: ", itertools.repeat(b"a")),
    "header lines that drip": (OK, itertools.repeat(b"X: a\r\n")),
    "body that drips": (answered(b"", "Content-Length: 99999"), itertools.repeat(b"\xff")),
    "body without length that drips": (answered(b""), itertools.repeat(b"\xff")),
    "chunks that drip": (answered(b"", CHUNKED), itertools.repeat(chunks(b"\xff"))),
    "preliminary answers that drip": (b"", itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n")),
}


@pytest.mark.parametrize("kind", SLOW)
async def test_slow_loris_is_ended_by_the_time_of_the_whole_request(
    fetch: Fetch, host: ImageHost, kind: str
) -> None:
    head, drops = SLOW[kind]
    url = dripping(host, "a", head, drops, pause=0.02)
    assert await fetch(url, fetch_read_seconds=30, fetch_total_seconds=0.5) == [ErrorCode.TIMEOUT]


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nX", answered(b"\xff\xd8", LENGTH)])
async def test_host_that_falls_silent_is_ended_by_the_time_between_two_reads(
    fetch: Fetch, host: ImageHost, head: bytes
) -> None:
    url = dripping(host, "a", head, [b""], pause=60)
    assert await fetch(url, fetch_read_seconds=0.3, fetch_total_seconds=60) == [ErrorCode.TIMEOUT]


@contextmanager
def silent_listener(backlog: int) -> Iterator[int]:
    """A port whose connections nobody answers, and with a full backlog nobody accepts."""
    with socket.create_server(("127.0.0.1", 0), backlog=backlog) as listener:
        yield int(listener.getsockname()[1])


async def test_tls_handshake_that_never_answers_is_ended_by_the_time_to_connect(
    fetch: Fetch,
) -> None:
    with silent_listener(backlog=8) as port:
        found = await fetch(f"https://127.0.0.1:{port}/a", fetch_connect_seconds=0.3)
    assert found == [ErrorCode.TIMEOUT]


async def test_connection_that_is_never_accepted_is_ended_by_the_time_to_connect(
    fetch: Fetch,
) -> None:
    with silent_listener(backlog=0) as port:
        waiting = [socket.socket() for _ in range(4)]
        try:
            for one in waiting:
                one.setblocking(False)
                one.connect_ex(("127.0.0.1", port))
            await asyncio.sleep(0.1)
            found = await fetch(f"http://127.0.0.1:{port}/a", fetch_connect_seconds=0.3)
        finally:
            for one in waiting:
                one.close()
    assert found == [ErrorCode.TIMEOUT]


ENDLESS = {
    "body without length": (answered(b"\xff\xd8\xff"), b"\0" * 65536),
    "chunks": (answered(b"", CHUNKED), chunks(b"\0" * 65536)),
    "tiny chunks": (answered(b"", CHUNKED), chunks(b"\0") * 4096),
    "gzip": (answered(b"\x1f\x8b\x08", "Content-Encoding: gzip"), b"\0" * 65536),
}


@pytest.mark.parametrize("kind", ENDLESS)
async def test_endless_body_is_left_at_the_limit(fetch: Fetch, host: ImageHost, kind: str) -> None:
    url = endless(host, "a", *ENDLESS[kind])
    assert await fetch(url, fetch_max_bytes=MIB // 8) == [ErrorCode.TOO_MANY_BYTES]
    assert host.sent["a"] < 32 * MIB  # the limit, and what kernels and framing hold beyond it


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (answered(b"", "Location: http://[", status="302 Found"), ErrorCode.INVALID_URL),
        (answered(b"", "Location: http://[]@", status="302 Found"), ErrorCode.INVALID_URL),
        (answered(b"", "Location: file:///x", status="302 Found"), ErrorCode.INVALID_URL),
        (answered(b"", status="404 Not Found"), ErrorCode.HTTP_STATUS),
        (answered(b"", status="503 Unavailable"), ErrorCode.SERVER_ERROR),
        (answered(b"", "Content-Length: 9999999999"), ErrorCode.TOO_MANY_BYTES),
    ],
)
async def test_endless_body_that_nobody_needs_is_not_read(
    fetch: Fetch, host: ImageHost, head: bytes, code: ErrorCode
) -> None:
    assert await fetch(endless(host, "a", head, b"\0" * 65536)) == [code]
    assert host.sent["a"] < 32 * MIB


ENDLESS_HEADS = {
    "status line": (b"HTTP/1.1 200 ", b"a" * 65536),
    "one header": (OK + b"X: ", b"a" * 65536),
    "header names": (OK, b"a" * 65536),
    "headers": (OK, b"X: a\r\n" * 1000),
    "continuation lines": (OK + b"X: a\r\n", b" a\r\n" * 1000),
    "trailers": (answered(b"0\r\n", CHUNKED), b"X: a\r\n" * 1000),
    "cookies": (OK, b"Set-Cookie: a=b\r\n" * 1000),
}


@pytest.mark.parametrize("kind", ENDLESS_HEADS)
async def test_endless_headers_are_not_collected(fetch: Fetch, host: ImageHost, kind: str) -> None:
    url = endless(host, "a", *ENDLESS_HEADS[kind])
    assert await fetch(url) == [ErrorCode.INCOMPLETE_BODY]
    assert host.sent["a"] < 32 * MIB


@pytest.mark.parametrize("head", [b"1;", b"1; a=", b""])
async def test_endless_framing_of_chunks_takes_no_memory_and_ends_with_its_time(
    fetch: Fetch, host: ImageHost, head: bytes
) -> None:
    """It is neither body nor header, so only the time of the request bounds it."""
    url = endless(host, "a", answered(head, CHUNKED), b"0" * 65536)
    with peak_memory() as peak:
        (code,) = await fetch(url, fetch_total_seconds=1)
    assert code in {ErrorCode.TIMEOUT, ErrorCode.INCOMPLETE_BODY}  # as fast as the machine is
    assert peak() < 16 * MIB


LIES = {
    "longer than the body": (answered(DATA, f"Content-Length: {len(DATA) + 1}"), "incomplete_body"),
    "far longer": (answered(DATA, "Content-Length: 1000000"), "incomplete_body"),
    "beyond the limit": (answered(DATA, "Content-Length: 68719476736"), "too_many_bytes"),
    "beyond every number": (answered(DATA, f"Content-Length: {'9' * 60}"), "incomplete_body"),
    "negative": (answered(DATA, "Content-Length: -5"), "incomplete_body"),
    "with a plus": (answered(DATA, f"Content-Length: +{len(DATA)}"), "incomplete_body"),
    "no number": (answered(DATA, "Content-Length: abc"), "incomplete_body"),
    "hexadecimal": (answered(DATA, "Content-Length: 0x10"), "incomplete_body"),
    "two that differ": (answered(DATA, LENGTH, "Content-Length: 5"), "incomplete_body"),
    "a list": (answered(DATA, f"{LENGTH}, 5"), "incomplete_body"),
    "with chunks": (answered(chunks(DATA) + b"0\r\n\r\n", LENGTH, CHUNKED), "incomplete_body"),
    "chunk size no number": (answered(b"zz\r\nabc\r\n", CHUNKED), "incomplete_body"),
    "chunk size negative": (answered(b"-1\r\nabc\r\n", CHUNKED), "incomplete_body"),
    "chunk size beyond every number": (
        answered(b"f" * 20 + b"\r\nabc", CHUNKED),
        "incomplete_body",
    ),
    "chunk longer than its body": (answered(b"ff\r\nabc", CHUNKED), "incomplete_body"),
    "no last chunk": (answered(chunks(DATA), CHUNKED), "incomplete_body"),
    "chunk without its line end": (answered(b"3\r\nabcXX0\r\n\r\n", CHUNKED), "incomplete_body"),
    "chunked twice": (answered(DATA, "Transfer-Encoding: chunked, chunked"), "incomplete_body"),
    "no HTTP": (b"220 smtp.example ESMTP\r\n", "incomplete_body"),
    "no status": (b"HTTP/1.1 OK\r\n\r\n", "incomplete_body"),
    "status out of range": (b"HTTP/1.1 20000 OK\r\n\r\n", "incomplete_body"),
    "bytes": (bytes(range(256)) * 16, "incomplete_body"),
    "NUL in a header": (answered(DATA, LENGTH, "X: a\0b"), "incomplete_body"),
    "header without name": (answered(DATA, LENGTH, ": a"), "incomplete_body"),
    "header without colon": (answered(DATA, LENGTH, "abc"), "incomplete_body"),
    "nothing": (b"", "connect_failed"),
    "headers cut off": (OK + b"Content-Le", "connect_failed"),
}


@pytest.mark.parametrize("lie", LIES)
async def test_answer_that_breaks_the_rules_fails_by_its_code(
    fetch: Fetch, host: ImageHost, lie: str
) -> None:
    answer, code = LIES[lie]
    good = host.add("good.jpg", DATA)
    assert await fetch(raw(host, "a", answer), good) == [ErrorCode(code), DATA]


BROKEN_LATER = {
    "chunk size no number": b"zz\r\n",
    "chunk size beyond every number": b"f" * 20 + b"\r\n",
    "trailer that is none": b"0\r\nfoo\r\n\r\n",
}


@pytest.mark.parametrize("how", BROKEN_LATER)
async def test_body_that_breaks_the_rules_when_it_is_half_read_ends_there(
    fetch: Fetch, host: ImageHost, how: str
) -> None:
    """Not when its time is over: it would hold its place and its memory for so long."""
    started = answered(chunks(DATA), CHUNKED)
    url = dripping(host, "a", started, [BROKEN_LATER[how], b""], 0.3)
    assert await fetch(url, fetch_total_seconds=20) == [ErrorCode.INCOMPLETE_BODY]


async def test_body_of_an_unknown_transfer_coding_is_taken_as_it_is(
    fetch: Fetch, host: ImageHost
) -> None:
    """The decoder says what it is; no coding is undone by guessing."""
    url = raw(host, "a", answered(DATA, "Transfer-Encoding: magic"))
    assert await fetch(url) == [DATA]


async def test_body_longer_than_its_length_ends_there_and_spoils_no_other_answer(
    fetch: Fetch, host: ImageHost
) -> None:
    """What follows must not be taken for the next answer of the same connection."""
    forged = answered(b"forged", "Content-Length: 6")
    url = host.on("a", lambda h: h.wfile.write(answered(DATA + forged, LENGTH)))
    good = host.add("good.jpg", DATA)
    assert await fetch(url, good, good) == [DATA] * 3


@pytest.mark.parametrize(
    ("head", "codes"),
    [
        (b"", {ErrorCode.CONNECT_FAILED}),
        (answered(b"\xff\xd8", LENGTH), {ErrorCode.CONNECT_FAILED, ErrorCode.INCOMPLETE_BODY}),
    ],
)
async def test_connection_that_is_reset_may_be_tried_again(
    fetch: Fetch, host: ImageHost, head: bytes, codes: set[ErrorCode]
) -> None:
    """Which of the two depends on whether the reset overtakes the bytes before it."""
    (code,) = await fetch(reset(host, "a", head))
    assert code in codes
    assert code.retryable


def deflated(data: bytes, wbits: int) -> bytes:
    packer = zlib.compressobj(wbits=wbits)
    return packer.compress(data) + packer.flush()


ENCODED = {
    "gzip": (gzip.compress(DATA), "gzip", DATA),
    "gzip in capitals": (gzip.compress(DATA), "GZIP", DATA),
    "x-gzip": (gzip.compress(DATA), "x-gzip", DATA),
    "gzip of two members": (gzip.compress(DATA[:9]) + gzip.compress(DATA[9:]), "gzip", DATA),
    "gzip and zeros behind it": (gzip.compress(DATA) + b"\0" * 9, "gzip", DATA),
    "gzip of too many members": (gzip.compress(DATA) * 40, "gzip", ErrorCode.INCOMPLETE_BODY),
    "gzip cut in its second member": (
        gzip.compress(DATA) + gzip.compress(DATA)[:-20],
        "gzip",
        ErrorCode.INCOMPLETE_BODY,
    ),
    "deflate": (deflated(DATA, 15), "deflate", DATA),
    "deflate without its header": (deflated(DATA, -15), "deflate", DATA),
    "identity": (DATA, "identity", DATA),
    "an empty name": (DATA, "", DATA),
    "gzip and identity": (gzip.compress(DATA), "identity, gzip", DATA),
    "an empty body": (b"", "gzip", ErrorCode.INCOMPLETE_BODY),
    "no gzip at all": (DATA, "gzip", ErrorCode.CORRUPT),
    "no deflate at all": (b"\xff" * 40, "deflate", ErrorCode.CORRUPT),
    "cut off": (gzip.compress(DATA)[:-20], "gzip", ErrorCode.INCOMPLETE_BODY),
    "a wrong sum": (gzip.compress(DATA)[:-8] + b"\0" * 8, "gzip", ErrorCode.CORRUPT),
    "twice": (gzip.compress(gzip.compress(DATA)), "gzip, gzip", ErrorCode.UNSUPPORTED_FORMAT),
    "brotli": (DATA, "br", ErrorCode.UNSUPPORTED_FORMAT),
    "zstd": (DATA, "zstd", ErrorCode.UNSUPPORTED_FORMAT),
    "no name": (DATA, "\x80\xff", ErrorCode.UNSUPPORTED_FORMAT),
}


@pytest.mark.parametrize("kind", ENCODED)
async def test_content_encoding_is_undone_or_refused(
    fetch: Fetch, host: ImageHost, kind: str
) -> None:
    body, encoding, expected = ENCODED[kind]
    headers = {"Content-Encoding": encoding}
    assert await fetch(host.on("a", lambda h: h.reply(200, body, "image/jpeg", headers))) == [
        expected
    ]


@pytest.mark.parametrize(("wbits", "encoding"), [(31, "gzip"), (15, "deflate"), (-15, "deflate")])
async def test_compression_bomb_is_unpacked_to_the_limit_and_no_further(
    fetch: Fetch, host: ImageHost, wbits: int, encoding: str
) -> None:
    bomb = deflated(bytes(64 * MIB), wbits)
    url = host.on("a", lambda h: h.reply(200, bomb, "image/jpeg", {"Content-Encoding": encoding}))
    with peak_memory() as peak:
        assert await fetch(url, fetch_max_bytes=4 * MIB) == [ErrorCode.TOO_MANY_BYTES]
    assert peak() < 24 * MIB


@contextmanager
def peak_memory() -> Iterator[Callable[[], int]]:
    """Python's own allocations in the block, bytes."""
    import tracemalloc

    tracemalloc.start()
    most = 0
    try:
        yield lambda: most
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


async def test_redirects_in_a_circle_end_at_their_limit(fetch: Fetch, host: ImageHost) -> None:
    host.redirect("b", "/a")
    assert await fetch(host.redirect("a", "/b")) == [ErrorCode.TOO_MANY_REDIRECTS]
    assert sum(host.requests.values()) == 6


async def test_redirects_count_as_requests_of_the_host_they_lead_to(host: ImageHost) -> None:
    """Else a host could be flooded by way of another."""
    settings = Settings(fetch_allow="127.0.0.0/8,::1", fetch_per_host=2)
    urls = []
    for n in range(8):
        target = host.slow(f"{n}.jpg", DATA, 0.1)
        host.redirect(f"r{n}", target)
        urls.append(host.url(f"r{n}").replace("127.0.0.1", "localhost"))
    async with open_session(settings) as session:
        fetcher = Fetcher(session, settings, 0)

        async def one(url: str) -> bytes:
            async with fetcher.fetched(url) as fetched:
                return fetched.content.whole()

        assert await asyncio.gather(*map(one, urls)) == [DATA] * 8
    assert host.most_concurrent <= 4  # two of each name
