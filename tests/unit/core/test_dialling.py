"""Claims about the addresses that are really dialled, by a network that records and never dials."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address

import aiohttp
import pytest
from yarl import URL

from imagebatch_core.addresses import AllowList
from imagebatch_core.egress import AddressRefused, find_address_refused, guarded_connector
from support.recordednet import RecordedNet
from support.special_addresses import CLOUD, PUBLIC, embedded, samples

BAD = [*dict.fromkeys([*(a for a, _ in samples()), *CLOUD, *(a for a, _ in embedded("10.0.0.1"))])]


async def get(
    session: aiohttp.ClientSession, url: str | URL
) -> AddressRefused | aiohttp.ClientError | None:
    """Why a request failed: the guard's own refusal, or what else it was."""
    try:
        async with session.get(url, allow_redirects=False):
            return None
    except aiohttp.ClientError as error:
        return find_address_refused(error) or error


def session_of(allow: str = "", dns_seconds: int | None = 60) -> aiohttp.ClientSession:
    connector = guarded_connector(
        AllowList.parse(allow), use_dns_cache=dns_seconds is not None, ttl_dns_cache=dns_seconds
    )
    return aiohttp.ClientSession(connector=connector)


def literal(address: str) -> str:
    return f"http://[{address}]/" if ":" in address else f"http://{address}/"


def net() -> RecordedNet:
    return RecordedNet().on(asyncio.get_running_loop())


async def test_no_special_address_is_dialled_as_a_literal() -> None:
    """Literals pass the resolver by, so it is the dial that is guarded."""
    paper = net()
    async with session_of() as session:
        for address in BAD:
            assert isinstance(await get(session, literal(address)), AddressRefused), address
    assert paper.dialled == paper.looked_up == []


async def test_no_special_address_is_dialled_for_a_name() -> None:
    paper = net()
    async with session_of() as session:
        for number, address in enumerate(BAD):
            paper.name(f"h{number}.example", [address])
            refused = await get(session, f"http://h{number}.example/")
            assert isinstance(refused, AddressRefused), address
    assert paper.dialled == []


@pytest.mark.parametrize("bad", ["127.0.0.1", "169.254.169.254", "::1", "fd00:ec2::254"])
@pytest.mark.parametrize("place", [0, 1, 2])
async def test_a_host_is_refused_when_any_of_its_addresses_is_bad(bad: str, place: int) -> None:
    answers = ["8.8.8.8", "2606:4700::1111"]
    answers.insert(place, bad)
    paper = net().name("shop.example", answers)
    async with session_of() as session:
        refused = await get(session, "http://shop.example/")
    assert isinstance(refused, AddressRefused)
    assert (refused.address, paper.dialled) == (bad, [])


async def test_public_addresses_are_dialled_and_only_they() -> None:
    paper = net()
    async with session_of() as session:
        for number, address in enumerate(PUBLIC):
            paper.name(f"h{number}.example", [address])
            await get(session, f"http://h{number}.example/")
            await get(session, literal(address))
    once = [str(ip_address(address)) for address in PUBLIC]
    assert paper.dialled == [address for address in once for _ in range(2)]


async def test_all_public_addresses_of_a_host_are_tried() -> None:
    paper = net().name("shop.example", ["8.8.8.8", "9.9.9.9", "2606:4700::1111"])
    async with session_of() as session:
        await get(session, "http://shop.example/")
    assert sorted(set(paper.dialled)) == ["2606:4700::1111", "8.8.8.8", "9.9.9.9"]


async def test_a_name_that_changes_to_a_bad_address_is_refused_from_then_on() -> None:
    paper = net().name("rebind.example", ["8.8.8.8"], ["127.0.0.1"])
    async with session_of(dns_seconds=None) as session:
        await get(session, "http://rebind.example/")
        second = await get(session, "http://rebind.example/")
        third = await get(session, "http://rebind.example/")
    assert isinstance(second, AddressRefused)
    assert isinstance(third, AddressRefused)
    assert paper.dialled == ["8.8.8.8"]


async def test_the_dns_cache_holds_a_checked_answer_and_never_a_refused_one() -> None:
    paper = net().name("rebind.example", ["8.8.8.8"], ["127.0.0.1"], ["9.9.9.9"])
    async with session_of(dns_seconds=60) as session:
        for _ in range(3):
            await get(session, "http://rebind.example/")
        assert (paper.dialled, paper.looked_up) == (["8.8.8.8"] * 3, ["rebind.example"])
        assert isinstance(session.connector, aiohttp.TCPConnector)
        session.connector.clear_dns_cache()  # as when its time is over
        assert isinstance(await get(session, "http://rebind.example/"), AddressRefused)
        await get(session, "http://rebind.example/")
    assert paper.dialled[3:] == ["9.9.9.9"]


async def test_requests_that_wait_for_the_same_look_up_are_all_refused() -> None:
    paper = net().name("shop.example", ["8.8.8.8", "127.0.0.1"])
    async with session_of() as session:
        ends = await asyncio.gather(*(get(session, "http://shop.example/") for _ in range(8)))
    assert all(isinstance(end, AddressRefused) for end in ends)
    assert paper.dialled == []


async def test_an_allowed_host_is_dialled_at_once_with_others_that_are_not() -> None:
    """The permission is the request's own: it leaks to none that runs beside it."""
    paper = net()
    for number in range(10):
        paper.name(f"h{number}.example", [f"10.0.0.{number}"])
    paper.name("images.local", ["10.0.0.100"])
    async with session_of(allow="images.local") as session:
        urls = [f"http://h{number}.example/" for number in range(10)]
        ends = await asyncio.gather(
            *(get(session, url) for url in (*urls[:5], "http://images.local:8080/", *urls[5:]))
        )
    assert paper.dialled == ["10.0.0.100"]
    assert sum(isinstance(end, AddressRefused) for end in ends) == 10


async def test_a_name_in_front_of_an_allowed_address_needs_its_network_allowed() -> None:
    paper = net().name("other.example", ["10.1.2.3"]).name("more.example", ["10.1.2.3", "10.2.0.1"])
    async with session_of(allow="10.1.0.0/16") as session:
        await get(session, "http://other.example/")
        await get(session, "http://10.1.9.9:81/")
        assert isinstance(await get(session, "http://more.example/"), AddressRefused)
        assert isinstance(await get(session, "http://10.2.0.1/"), AddressRefused)
        assert isinstance(await get(session, "http://[64:ff9b::a01:203]/"), AddressRefused)
    assert paper.dialled == ["10.1.2.3", "10.1.9.9"]


async def test_the_dial_is_guarded_even_when_the_url_was_never_checked() -> None:
    """Odd spellings that a caller failed to refuse do not reach the system's resolver."""
    paper = net()
    odd = [
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.0.0.1.",
        "１２７.０.０.１",
        "[::1%25lo]",
    ]
    async with session_of() as session:
        for host in odd:
            assert await get(session, f"http://{host}/") is not None
    assert paper.dialled == []
