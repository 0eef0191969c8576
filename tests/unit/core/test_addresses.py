"""Claims about which addresses are dialled; nothing here opens a connection."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from imagebatch_core.addresses import AllowList, refusal
from imagebatch_core.egress import (
    AddressRefused,
    UrlRefused,
    check_url,
    find_address_refused,
    guarded_connector,
)
from imagebatch_core.errors import ConfigurationRefused

REFUSED = [
    "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.255.254", "168.63.129.16",
    "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.88.99.1",
    "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1",
    "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::",
    "2002:a00:1::", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0",
    "fec0::1", "ff02::1", "2606:4700::5efe:7f00:1", "2606:4700::200:5efe:a00:1",
]  # fmt: skip
PUBLIC = ["1.1.1.1", "8.8.8.8", "172.15.255.255", "172.32.0.1", "100.128.0.1", "2606:4700::1111",
          "::ffff:8.8.8.8"]  # fmt: skip


@pytest.mark.parametrize("address", REFUSED)
def test_what_is_not_public_is_refused(address: str) -> None:
    assert refusal(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public_is_dialled(address: str) -> None:
    assert refusal(address) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://127.1/", "http://0x7f000001/", "http://2130706433/", "http://0177.0.0.1/",
        "http://0x7f.1/", "ftp://example.com/", "file:///etc/passwd", "http:///x",
        "http://u:p@example.com/", "http://example.com:0/", "http://exa mple.com/",
        "http://example.com\\@127.0.0.1/", "//example.com/", "", "http://a..b/x",
    ],
)  # fmt: skip
def test_odd_urls_are_refused_before_any_look_up(url: str) -> None:
    with pytest.raises(UrlRefused):
        check_url(url)


def test_an_allow_list_lets_hosts_and_networks_through() -> None:
    allow = AllowList.parse(" Images.Local , 10.0.0.0/8,fd00::/8")
    assert allow.refusal("images.local.", "192.168.0.1") is None
    assert allow.refusal("other", "10.9.9.9") is None
    assert allow.refusal("other", "::ffff:10.9.9.9") is None
    assert allow.refusal("other", "192.168.0.1")
    with pytest.raises(ConfigurationRefused):
        AllowList.parse("10.0.0.0/99")


class Answers(AbstractResolver):
    """A resolver that gives each look-up its own answer, as a rebinding attacker's does."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        hosts = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0
            )
            for address in hosts
        ]

    async def close(self) -> None:
        return None


async def _get(
    monkeypatch: pytest.MonkeyPatch, url: str, resolver: AbstractResolver | None, allow: str = ""
) -> tuple[list[str], BaseException | None]:
    """Addresses dialled, by a dialler that records instead of connecting, and the error."""
    dialled: list[str] = []

    async def record(_: Any, __: socket.socket, address: Any) -> None:
        dialled.append(str(address[0]))
        raise ConnectionRefusedError

    monkeypatch.setattr(type(asyncio.get_running_loop()), "sock_connect", record)
    connector = guarded_connector(AllowList.parse(allow), resolver=resolver, use_dns_cache=False)
    async with aiohttp.ClientSession(connector=connector) as session:
        try:
            await session.get(url)
        except aiohttp.ClientError as error:
            return dialled, error
    return dialled, None


async def test_a_public_address_is_dialled(monkeypatch: pytest.MonkeyPatch) -> None:
    dialled, error = await _get(monkeypatch, "http://shop.example/", Answers(["8.8.8.8"]))
    assert dialled == ["8.8.8.8"]
    assert find_address_refused(error) is None


async def test_a_host_with_any_bad_address_is_not_dialled(monkeypatch: pytest.MonkeyPatch) -> None:
    dialled, error = await _get(
        monkeypatch, "http://shop.example/", Answers(["8.8.8.8", "127.0.0.1"])
    )
    assert dialled == []
    assert isinstance(find_address_refused(error), AddressRefused)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:169.254.169.254]", "10.0.0.1"])
async def test_literals_that_bypass_the_resolver_are_not_dialled(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    dialled, error = await _get(monkeypatch, f"http://{host}/", None)
    assert dialled == []
    assert find_address_refused(error) is not None


async def test_rebinding_between_two_requests_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = Answers(["8.8.8.8"], ["127.0.0.1"])
    first, _ = await _get(monkeypatch, "http://rebind.example/", resolver)
    second, error = await _get(monkeypatch, "http://rebind.example/", resolver)
    assert (first, second) == (["8.8.8.8"], [])
    assert find_address_refused(error) is not None


async def test_an_allowed_host_is_dialled_wherever_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    dialled, _ = await _get(
        monkeypatch, "http://images.local/", Answers(["10.0.0.7"]), allow="images.local"
    )
    assert dialled == ["10.0.0.7"]
