"""When a host counts as unreachable, and when it is asked again; by a clock on paper."""

from __future__ import annotations

import ssl

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from imagebatch_core.egress import AddressRefused
from imagebatch_core.results import ErrorCode
from imagebatch_runner.fetch.host_breaker import HostBreaker, HostUnreachable

KEY = ConnectionKey("shop.example", 443, True, True, None, None, None)
REFUSED = aiohttp.ClientConnectorError(KEY, ConnectionRefusedError(111, "Connect call failed"))
CONNECT_FAILURES = [
    REFUSED,
    aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "Name or service not known")),
    aiohttp.ConnectionTimeoutError("Connection timeout to host https://shop.example/?secret"),
]
SOMEBODY_ANSWERED = [
    aiohttp.ServerDisconnectedError(),
    aiohttp.SocketTimeoutError("Timeout on reading data from socket"),
    aiohttp.ClientPayloadError(),
    aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, "no TLS")),
]


class Paper:
    """A breaker of 3 attempts over 60 s, and its clock."""

    def __init__(self, attempts: int = 3) -> None:
        self.time = 1000.0
        self.breaker = HostBreaker(attempts=attempts, seconds=60, now=lambda: self.time)

    def fail(self, times: int, error: Exception = REFUSED, over: float = 0.0) -> None:
        for _ in range(times):
            self.time += over / times
            self.breaker.failed("shop.example:443", error)

    @property
    def asks(self) -> bool:
        try:
            self.breaker.check("shop.example:443")
        except HostUnreachable:
            return False
        return True


@pytest.mark.parametrize("error", CONNECT_FAILURES, ids=lambda error: type(error).__name__)
def test_a_host_that_never_connects_for_long_is_unreachable(error: Exception) -> None:
    paper = Paper()
    paper.fail(4, error, over=90)
    assert not paper.asks
    with pytest.raises(HostUnreachable) as refused:
        paper.breaker.check("shop.example:443")
    assert refused.value.code is ErrorCode.CONNECT_FAILED
    assert refused.value.code.retryable
    assert refused.value.message.startswith("the last 4 attempts failed to connect: ")
    assert refused.value.message.endswith("; the host is tried again every 60 s")
    assert "secret" not in refused.value.message


def test_a_host_that_restarts_is_asked_on() -> None:
    """A hundred images may fail within a second; that is no reason to give up the others."""
    paper = Paper()
    paper.fail(100, over=59)
    assert paper.asks


def test_few_attempts_however_long_are_no_reason() -> None:
    paper = Paper()
    paper.fail(2, over=600)
    assert paper.asks


def test_an_unreachable_host_is_asked_once_a_minute_until_it_connects() -> None:
    paper = Paper()
    paper.fail(3, over=120)
    paper.time += 61
    assert [paper.asks for _ in range(5)] == [True, False, False, False, False]
    paper.fail(1)
    paper.time += 59
    assert not paper.asks
    paper.time += 2
    assert [paper.asks, paper.asks] == [True, False]
    paper.breaker.connected("shop.example:443")
    assert [paper.asks, paper.asks] == [True, True]
    paper.fail(2, over=120)
    assert paper.asks, "the attempts before count no more"


@pytest.mark.parametrize("error", SOMEBODY_ANSWERED, ids=lambda error: type(error).__name__)
def test_an_error_of_a_host_that_takes_connections_begins_the_count_anew(error: Exception) -> None:
    paper = Paper()
    paper.fail(2, over=120)
    paper.fail(1, error)
    paper.fail(2, over=30)
    assert paper.asks


@pytest.mark.parametrize("error", [AddressRefused("10.0.0.1", "private"), TimeoutError()])
def test_what_says_nothing_of_the_host_does_not_count(error: Exception) -> None:
    paper = Paper()
    paper.fail(100, error, over=120)
    assert paper.asks
    paper.fail(3, over=120)
    paper.fail(1, error)
    assert not paper.asks


def test_another_host_is_asked_on() -> None:
    paper = Paper()
    paper.fail(10, over=120)
    paper.breaker.check("other.example:443")
    with pytest.raises(HostUnreachable):
        paper.breaker.check("shop.example:443")


def test_without_attempts_no_host_is_unreachable() -> None:
    paper = Paper(attempts=0)
    paper.fail(1000, over=10_000)
    assert paper.asks
