"""Claims about the addresses that are really dialled, by a network that records and never dials."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address

import aiohttp
import pytest
from yarl import URL

from imagebatch_core.egress import AddressRefused, find_address_refused, guarded_connector
from imagebatch_core.egress_rules import EgressRules
from support.recordednet import RecordedNet
from support.special_addresses import CLOUD, PUBLIC, embedded, samples

#: The middle of the well-known prefix of NAT64 leads to 128.0.0.0, which is public.
NAT64_OF_A_PUBLIC_HOST = "64:ff9b::8000:0"
_BAD = [*(a for a, _ in samples()), *CLOUD, *(a for a, _ in embedded("10.0.0.1"))]
BAD = [address for address in dict.fromkeys(_BAD) if address != NAT64_OF_A_PUBLIC_HOST]


async def get(
    session: aiohttp.ClientSession, url: str | URL
) -> AddressRefused | aiohttp.ClientError | None:
    """Why a request failed: the guard's own refusal, or what else it was."""
    try:
        async with session.get(url, allow_redirects=False):
            return None
    except aiohttp.ClientError as error:
        return find_address_refused(error) or error


def session_of(
    allow: str = "", deny: str = "", dns_seconds: int | None = 60
) -> aiohttp.ClientSession:
    connector = guarded_connector(
        EgressRules.parse(allow, deny),
        use_dns_cache=dns_seconds is not None,
        ttl_dns_cache=dns_seconds,
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


@pytest.mark.parametrize(
    ("found", "dialled"),
    [
        ([f"8.8.8.{n}" for n in range(12)], {f"8.8.8.{n}" for n in range(4)}),
        (
            [*(f"2606:4700::{n}" for n in range(1, 9)), "8.8.8.8"],
            {"2606:4700::1", "8.8.8.8", "2606:4700::2", "2606:4700::3"},
        ),
    ],
)
async def test_four_addresses_of_a_host_are_tried_at_most_and_both_families(
    found: list[str], dialled: set[str]
) -> None:
    """Each address of a dead host costs the time limit for connecting."""
    paper = net().name("shop.example", found)
    async with session_of() as session:
        await get(session, "http://shop.example/")
    assert set(paper.dialled) == dialled


async def test_addresses_that_would_not_be_tried_are_checked_all_the_same() -> None:
    paper = net().name("shop.example", [*(f"8.8.8.{n}" for n in range(12)), "127.0.0.1"])
    async with session_of() as session:
        refused = await get(session, "http://shop.example/")
    assert isinstance(refused, AddressRefused)
    assert (refused.address, paper.dialled) == ("127.0.0.1", [])


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
        assert isinstance(await get(session, "http://[64:ff9b::a02:1]/"), AddressRefused)
        assert isinstance(await get(session, "http://[2002:a01:203::1]/"), AddressRefused)
        await get(session, "http://[64:ff9b::a01:203]/")
    assert paper.dialled == ["10.1.2.3", "10.1.9.9", "64:ff9b::a01:203"]


async def test_an_allowed_name_dials_nothing_that_the_machine_or_its_cloud_answers() -> None:
    shut = ["127.0.0.1", "::1", "0.0.0.0", "169.254.1.1", "fe80::1", *CLOUD]
    paper = net().name("images.local", *([address] for address in shut))
    async with session_of(allow="images.local", dns_seconds=None) as session:
        for address in shut:
            refused = await get(session, "http://images.local/")
            assert isinstance(refused, AddressRefused), address
            assert refused.address == address
    assert paper.dialled == []


async def test_an_allowed_literal_is_a_name_that_opens_no_loopback_either() -> None:
    """The socket factory sees the host of the URL, whatever it resolved to."""
    paper = net().name("images.local", ["10.0.0.1", "127.0.0.1"])
    async with session_of(allow="images.local") as session:
        assert isinstance(await get(session, "http://images.local/"), AddressRefused)
        assert isinstance(await get(session, "http://127.0.0.1/"), AddressRefused)
    assert paper.dialled == []


async def test_what_is_denied_is_not_dialled_though_public_or_allowed() -> None:
    paper = net().name("images.local", ["10.1.2.3"]).name("shop.example", ["8.8.8.8", "25.1.2.3"])
    async with session_of(
        allow="images.local,10.0.0.0/8", deny="25.0.0.0/8,10.1.0.0/16"
    ) as session:
        for url in (
            "http://images.local/", "http://shop.example/", "http://10.1.0.1/", "http://25.0.0.1/",
            "http://[64:ff9b::1900:1]/", "http://[::ffff:10.1.0.1]/",
        ):  # fmt: skip
            refused = await get(session, url)
            assert isinstance(refused, AddressRefused), url
            assert str(refused) == f"{refused.address} is closed by IMAGEBATCH_FETCH_DENY"
        await get(session, "http://10.2.0.1/")
    assert paper.dialled == ["10.2.0.1"]


async def test_public_hosts_are_dialled_through_nat64_and_private_ones_are_not() -> None:
    paper = net().name("shop.example", ["64:ff9b::808:808"]).name("in.example", ["64:ff9b::a00:1"])
    async with session_of() as session:
        await get(session, "http://shop.example/")
        assert isinstance(await get(session, "http://in.example/"), AddressRefused)
        assert isinstance(await get(session, "http://[64:ff9b::a9fe:a9fe]/"), AddressRefused)
    assert paper.dialled == ["64:ff9b::808:808"]


@pytest.mark.parametrize("host", ["localhost", "localhost.", "a.localhost", "A.LocalHost."])
async def test_localhost_is_refused_without_a_look_up(host: str) -> None:
    paper = net().name("localhost", ["8.8.8.8"]).name("a.localhost", ["8.8.8.8"])
    async with session_of() as session:
        refused = await get(session, f"http://{host}/")
    assert isinstance(refused, AddressRefused)
    assert paper.looked_up == paper.dialled == []


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
