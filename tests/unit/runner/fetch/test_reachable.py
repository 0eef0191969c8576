"""Whether any host of a batch's images accepts connections: asked cheaply, and with patience."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from imagebatch_core.egress_rules import EgressRules, EgressSettings
from imagebatch_runner.failures import SourcesUnreachable
from imagebatch_runner.fetch.reachable import Host, check_reachable, guarded_connect


class Hosts:
    """``up`` accept connections, from the given attempt on; ``asked`` are all that were tried."""

    def __init__(self, **up: int) -> None:
        self.up = {f"{name}.example": attempt for name, attempt in up.items()}
        self.asked: list[Host] = []
        self.slept: list[float] = []
        self._lock = threading.Lock()

    def connect(self, host: Host) -> None:
        with self._lock:
            self.asked.append(host)
            attempts = self.asked.count(host)
        if attempts < self.up.get(host.name, 1000):
            raise ConnectionRefusedError(111, "Connection refused")

    def check(self, *urls: str, patience: float = 60) -> None:
        check_reachable(urls, self.connect, patience, self.slept.append)


def test_one_host_that_answers_is_enough_and_the_others_are_not_asked() -> None:
    hosts = Hosts(a=1)
    hosts.check("https://a.example/1.jpg", "http://b.example/2.jpg", "https://a.example/3.jpg")
    assert hosts.asked == [Host("a.example", 443)]
    assert hosts.slept == []


def test_an_error_other_than_of_the_network_is_no_host_that_does_not_answer() -> None:
    def connect(_host: Host) -> None:
        raise UnicodeError("label too long")

    ended = threading.Event()

    def check() -> None:
        check_reachable(["http://a.example/1"], connect, 60, lambda _seconds: None)
        ended.set()

    threading.Thread(target=check, daemon=True).start()
    assert ended.wait(10)


def test_each_host_is_asked_before_a_batch_is_given_up() -> None:
    hosts = Hosts(c=1)
    hosts.check("http://a.example/1", "http://b.example:8080/2", "http://c.example/3")
    assert Host("c.example", 80) in hosts.asked


def test_a_host_that_comes_back_within_the_patience_is_waited_for() -> None:
    hosts = Hosts(a=3)
    hosts.check("http://a.example/1")
    assert len(hosts.asked) == 3
    assert hosts.slept[0] == pytest.approx(5, abs=1)
    assert hosts.slept[1] == pytest.approx(10, abs=1)


@pytest.mark.parametrize(
    ("urls", "words"),
    [
        (["http://a.example/1"], "from the host a.example: Connection refused"),
        (["http://a.example/1", "http://b.example/2"], "from any of 2 hosts: Connection refused"),
    ],
)
def test_a_batch_none_of_whose_hosts_answers_is_refused_with_the_reason(
    urls: list[str], words: str
) -> None:
    hosts = Hosts()
    with pytest.raises(SourcesUnreachable, match=words):
        hosts.check(*urls, patience=0.01)
    assert {host.name for host in hosts.asked} == {url[7:16] for url in urls}


@pytest.mark.parametrize(
    "urls",
    [
        [],
        ["http://a.example/1", "s3://bucket/a.jpg"],
        ["n/a", "http://a.example/1"],
        ["ftp://a.example/1"],
    ],
)
def test_images_in_s3_and_texts_that_are_no_url_leave_the_batch_unjudged(urls: list[str]) -> None:
    hosts = Hosts()
    hosts.check(*urls)
    assert hosts.asked == []


def test_a_patience_of_none_asks_nobody() -> None:
    hosts = Hosts()
    hosts.check("http://a.example/1", patience=0)
    assert hosts.asked == []


def test_a_host_that_hangs_does_not_hold_up_the_others() -> None:
    release = threading.Event()

    def connect(host: Host) -> None:
        if host.name == "slow.example":
            release.wait(20)

    start = time.monotonic()
    check_reachable(["http://slow.example/1", "http://b.example/2"], connect, 60, time.sleep)
    assert time.monotonic() - start < 5
    release.set()


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        opened.listen()
        yield opened.getsockname()[1]


def rules(allow: str) -> EgressRules:
    return EgressSettings.from_env({"IMAGEBATCH_FETCH_ALLOW": allow}).egress_rules


def test_real_hosts_are_connected_to_as_the_rules_allow(listening: int) -> None:
    connect = guarded_connect(rules("127.0.0.1"), 5)
    urls = [f"http://127.0.0.1:{listening}/a.jpg"]
    check_reachable(urls, connect, 60, time.sleep)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        dead = [f"http://127.0.0.1:{closed.getsockname()[1]}/a.jpg"]
        with pytest.raises(SourcesUnreachable, match="refused"):
            check_reachable(dead, connect, 0.01, lambda _seconds: None)
        # An address that is refused is not dialled, and says nothing about the host.
        check_reachable(dead, guarded_connect(rules(""), 5), 0.01, lambda _seconds: None)
