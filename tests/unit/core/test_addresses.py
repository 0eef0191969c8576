"""Claims about which addresses are refused; nothing here opens a connection."""

from __future__ import annotations

import pytest

from imagebatch_core.addresses import AllowList, refusal
from imagebatch_core.errors import ConfigurationRefused
from support.special_addresses import CLOUD, PUBLIC, RANGES, embedded, samples

#: One of every kind that matters most, to be hidden in IPv6.
HIDDEN = ("127.0.0.1", "10.0.0.1", "169.254.169.254", "168.63.129.16", "192.168.1.1", "0.0.0.0")


@pytest.mark.parametrize(("address", "name"), list(samples()))
def test_every_special_purpose_range_is_refused_from_its_first_to_its_last_address(
    address: str, name: str
) -> None:
    assert refusal(address), name


@pytest.mark.parametrize("address", CLOUD)
def test_every_address_of_a_clouds_own_services_is_refused(address: str) -> None:
    assert refusal(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_dialled_up_to_the_border_of_the_ranges(address: str) -> None:
    assert refusal(address) is None


@pytest.mark.parametrize("hidden", HIDDEN)
def test_an_ipv4_address_is_refused_however_ipv6_embeds_it(hidden: str) -> None:
    for address, way in embedded(hidden):
        assert refusal(address), way


def test_a_tunnel_to_a_public_address_is_refused_and_its_plain_form_in_ipv6_is_not() -> None:
    refused = {way for address, way in embedded("8.8.8.8") if refusal(address)}
    dialled = {way for _, way in embedded("8.8.8.8")} - refused
    assert dialled == {"mapped", "mapped, dotted", "mapped, in full"}


@pytest.mark.parametrize(
    "address", ["fe80::1%eth0", "fe80::1%1", "::1%lo", "2606:4700::1111%eth0", "8.8.8.8%eth0"]
)
def test_an_address_of_one_interface_is_refused(address: str) -> None:
    assert refusal(address)


def test_an_allow_list_lets_hosts_and_networks_through() -> None:
    allow = AllowList.parse(
        " Images.Local , 10.0.0.0/8,fd00::/8, 192.168.7.7,::ffff:172.16.0.0/108"
    )
    assert allow.refusal("images.local.", "192.168.0.1") is None
    assert allow.refusal("IMAGES.LOCAL", "::1") is None
    assert allow.refusal("other", "10.9.9.9") is None
    assert allow.refusal("other", "::ffff:10.9.9.9") is None
    assert allow.refusal("other", "fd12::1") is None
    assert allow.refusal("other", "192.168.7.7") is None
    assert allow.refusal("other", "172.31.0.1") is None
    assert allow.refusal("other", "192.168.7.8")
    assert allow.refusal("other", "172.32.0.1") is None  # public anyway
    assert allow.refusal("other", "11.0.0.1") is None


@pytest.mark.parametrize(
    "host", ["other", "local", "images.local.evil.example", "ximages.local", "a.images.local", ""]
)
def test_an_allowed_host_opens_its_address_to_no_other_host(host: str) -> None:
    assert AllowList.parse("images.local").refusal(host, "10.0.0.1")


@pytest.mark.parametrize("hidden", HIDDEN)
def test_an_allowed_network_is_not_reached_through_tunnels(hidden: str) -> None:
    allow = AllowList.parse("0.0.0.0/0")
    assert allow.refusal("other", hidden) is None
    opened = {way for address, way in embedded(hidden) if allow.refusal("other", address) is None}
    assert opened == {"mapped", "mapped, dotted", "mapped, in full"}


def test_an_empty_allow_list_opens_nothing() -> None:
    for text in (None, "", " ", ",, ,"):
        assert all(AllowList.parse(text).refusal("a", address) for address in CLOUD)


@pytest.mark.parametrize(
    "entry",
    [
        "10.0.0.0/99", "10.0.0.1/8", "10.0.0", "10.0.0.256", "10", "fd00::/129", "[::1]", "::1]",
        "images.local:8080", "10.0.0.1:80", "http://images.local", "images.local/", "*.local",
        "*", "bücher.example", "a b", "a..b", ".local", "user@host", "fe80::1%eth0/64",
    ],
)  # fmt: skip
def test_an_entry_that_would_never_match_or_mean_something_else_is_refused(entry: str) -> None:
    with pytest.raises(ConfigurationRefused, match="IMAGEBATCH_FETCH_ALLOW"):
        AllowList.parse(f"good.example,{entry}")


def test_the_table_of_vectors_has_all_ranges_that_the_guard_knows() -> None:
    from imagebatch_core.addresses import _V4, _V6_HOLES

    known = {str(network) for network, _ in (*_V4, *_V6_HOLES)}
    assert known - set(RANGES) == {"168.63.129.16/32"}
