"""The guard through the whole fetch: redirects, kept connections, names that change.

Names and addresses are on paper; a dial that the guard lets through reaches the test's own host,
whatever address it was to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from imagebatch_core.results import ErrorCode
from imagebatch_runner.failures import ImageFailed
from imagebatch_runner.fetch.attempt import Fetched
from imagebatch_runner.fetch.fetcher import Fetcher
from imagebatch_runner.fetch.web import open_session
from imagebatch_runner.settings import Settings
from support.imagehost import ImageHost
from support.pictures import jpeg
from support.recordednet import RecordedNet

DATA = jpeg(size=(60, 40))
Fetch = Callable[..., Any]


@pytest.fixture
async def net(host: ImageHost) -> RecordedNet:
    return RecordedNet(forward=host.port).on(asyncio.get_running_loop())


@pytest.fixture
def fetch() -> Fetch:
    """``await fetch(url, …)``: what each URL gave, by one fetcher, one after another."""

    async def several(*urls: str, allow: str = "", retries: int = 0) -> list[Any]:
        settings = Settings(fetch_allow=allow)
        found: list[Fetched | ErrorCode] = []
        async with open_session(settings) as session:
            fetcher = Fetcher(session, settings, retries)
            for url in urls:
                try:
                    async with fetcher.fetched(url) as fetched:
                        found.append(fetched)
                except ImageFailed as failure:
                    found.append(failure.code)
        return found

    return several


@pytest.mark.parametrize("hops", [1, 2, 3, 4, 5])
async def test_redirect_to_a_refused_address_is_refused_at_every_hop(
    fetch: Fetch, host: ImageHost, net: RecordedNet, hops: int
) -> None:
    hidden = host.add("hidden", DATA)
    assert hidden
    for hop in range(1, hops + 1):
        net.name(f"h{hop}.example", [f"8.8.8.{hop}"])
        following = f"http://h{hop + 1}.example/r{hop + 1}"
        host.redirect(f"r{hop}", "http://10.0.0.1/hidden" if hop == hops else following)
    assert await fetch("http://h1.example/r1", retries=3) == [ErrorCode.ADDRESS_REFUSED]
    assert net.dialled == [f"8.8.8.{hop}" for hop in range(1, hops + 1)]
    assert not host.requests["/hidden"]


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("http://127.0.0.1/x", ErrorCode.ADDRESS_REFUSED),
        ("http://169.254.169.254/latest/meta-data/", ErrorCode.ADDRESS_REFUSED),
        ("http://[fd00:ec2::254]/", ErrorCode.ADDRESS_REFUSED),
        ("http://[::ffff:100.100.100.200]/", ErrorCode.ADDRESS_REFUSED),
        ("//168.63.129.16/machine", ErrorCode.ADDRESS_REFUSED),
        ("http://inside.example/x", ErrorCode.ADDRESS_REFUSED),
        ("http://１２７.0.0.1/x", ErrorCode.INVALID_URL),
        ("http://2130706433/x", ErrorCode.INVALID_URL),
        ("http://127.1/x", ErrorCode.INVALID_URL),
        ("http://user:secret@shop.example/x", ErrorCode.INVALID_URL),
        ("file:///etc/passwd", ErrorCode.INVALID_URL),
        ("ftp://shop.example/x", ErrorCode.INVALID_URL),
        ("data:image/png;base64,iVBORw0KGgo=", ErrorCode.INVALID_URL),
        ("javascript:alert(1)", ErrorCode.INVALID_URL),
        ("http://[", ErrorCode.INVALID_URL),
        ("http://shop.example:99999/", ErrorCode.INVALID_URL),
    ],
    ids=ascii,
)
async def test_redirect_out_of_what_may_be_fetched_is_refused(
    fetch: Fetch, host: ImageHost, net: RecordedNet, target: str, code: ErrorCode
) -> None:
    net.name("shop.example", ["8.8.8.8"]).name("inside.example", ["9.9.9.9", "10.0.0.1"])
    encoded = target.encode().decode("latin-1")  # a header line is bytes
    statuses = (301, 302, 303, 307, 308)
    urls = [f"http://shop.example/{status}" for status in statuses]
    for status in statuses:
        host.redirect(str(status), encoded, status)
    assert await fetch(*urls) == [code] * 5
    assert net.dialled == ["8.8.8.8"]  # one connection, kept
    assert sum(host.requests.values()) == 5


@pytest.mark.parametrize("location", ["/a b.jpg", "a b.jpg", "//shop.example/a%20b.jpg", "?x=1"])
async def test_redirect_to_a_relative_or_untidy_address_is_followed(
    fetch: Fetch, host: ImageHost, net: RecordedNet, location: str
) -> None:
    net.name("shop.example", ["8.8.8.8"])
    host.add("a%20b.jpg", DATA)
    host.on("r", lambda h: h.reply(200, DATA, "image/jpeg") if "?" in h.path else _to(h, location))
    (found,) = await fetch("http://shop.example/r")
    assert found.content.whole() == DATA


def _to(handler: Any, location: str) -> None:
    handler.reply(302, b"", "text/plain", {"Location": location})


async def test_location_that_is_no_text_is_told_in_words_that_can_be_recorded(
    fetch: Fetch, host: ImageHost, net: RecordedNet
) -> None:
    net.name("shop.example", ["8.8.8.8"])
    host.redirect("r", "http://\xff\xfe.example/\xff")
    assert await fetch("http://shop.example/r") == [ErrorCode.INVALID_URL]


async def test_kept_connection_is_used_again_and_a_changed_name_is_not_looked_up(
    fetch: Fetch, host: ImageHost, net: RecordedNet
) -> None:
    net.name("rebind.example", ["8.8.8.8"], ["127.0.0.1"])
    host.add("a.jpg", DATA)
    found = await fetch("http://rebind.example/a.jpg", "http://rebind.example/a.jpg")
    assert [one.content.whole() for one in found] == [DATA, DATA]
    assert (net.dialled, net.looked_up) == (["8.8.8.8"], ["rebind.example"])


async def test_connection_that_ended_is_dialled_again_at_the_address_that_was_checked(
    fetch: Fetch, host: ImageHost, net: RecordedNet
) -> None:
    net.name("rebind.example", ["8.8.8.8"], ["127.0.0.1"])
    host.on("a.jpg", lambda h: h.reply(200, DATA, "image/jpeg", {"Connection": "close"}))
    found = await fetch("http://rebind.example/a.jpg", "http://rebind.example/a.jpg")
    assert [one.content.whole() for one in found] == [DATA, DATA]
    assert net.dialled == ["8.8.8.8", "8.8.8.8"]


async def test_connection_of_an_allowed_host_serves_no_other_name_of_its_address(
    fetch: Fetch, host: ImageHost, net: RecordedNet
) -> None:
    net.name("images.local", ["10.0.0.7"]).name("evil.example", ["10.0.0.7"])
    host.add("a.jpg", DATA)
    urls = [f"http://{name}/a.jpg" for name in ("images.local", "evil.example", "10.0.0.7")]
    found = await fetch(*urls, allow="images.local")
    assert found[1:] == [ErrorCode.ADDRESS_REFUSED] * 2
    assert (found[0].content.whole(), host.requests["/a.jpg"]) == (DATA, 1)


async def test_allowed_host_may_not_redirect_into_what_is_not_allowed(
    fetch: Fetch, host: ImageHost, net: RecordedNet
) -> None:
    net.name("images.local", ["10.0.0.7"]).name("evil.example", ["10.0.0.8"])
    host.redirect("r1", "http://10.0.0.7/a.jpg")
    host.redirect("r2", "http://evil.example/a.jpg")
    host.redirect("r3", "http://images.local:8080/a.jpg")
    host.add("a.jpg", DATA)
    found = await fetch(*(f"http://images.local/r{n}" for n in (1, 2, 3)), allow="images.local")
    assert found[:2] == [ErrorCode.ADDRESS_REFUSED] * 2
    assert found[2].content.whole() == DATA


async def test_proxies_of_the_environment_are_not_used(
    fetch: Fetch, host: ImageHost, net: RecordedNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://9.9.9.9:3128")
    net.name("shop.example", ["8.8.8.8"])
    host.add("a.jpg", DATA)
    (found,) = await fetch("http://shop.example/a.jpg")
    assert (found.content.whole(), net.dialled) == (DATA, ["8.8.8.8"])
