"""Claims about which addresses are public; nothing here opens a connection."""

from __future__ import annotations

from ipaddress import IPv6Network, ip_address, ip_network

import pytest

from imagebatch_core.addresses import _V4, _V6_HOLES, _V6_OTHERS, reached, special_purpose
from support.special_addresses import CLOUD, PUBLIC, RANGES, embedded, samples


def is_public(address: str) -> bool:
    return special_purpose(reached(ip_address(address), ())) is None


@pytest.mark.parametrize(("address", "name"), list(samples()))
def test_every_special_purpose_range_is_refused_from_its_first_to_its_last_address(
    address: str, name: str
) -> None:
    assert not is_public(address), name


@pytest.mark.parametrize("address", CLOUD)
def test_every_address_of_a_clouds_own_services_is_refused(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_dialled_up_to_the_border_of_the_ranges(address: str) -> None:
    assert is_public(address)


def test_the_table_of_vectors_has_all_ranges_that_the_guard_knows() -> None:
    known = {str(network) for network, _ in (*_V4, *_V6_HOLES, *_V6_OTHERS)}
    clouds = [ip_address(address) for address in CLOUD]
    for other in known - set(RANGES):
        assert any(address in ip_network(other) for address in clouds), other


@pytest.mark.parametrize(
    ("prefix", "address"),
    [
        # The examples of RFC 6052, 2.4, all for 192.0.2.33.
        ("2001:db8::/32", "2001:db8:c000:221::"),
        ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
        ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"),
        ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
        ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"),
        ("2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"),
        ("64:ff9b::/96", "64:ff9b::192.0.2.33"),
    ],
)
def test_nat64_is_taken_apart_as_its_standard_says(prefix: str, address: str) -> None:
    assert str(reached(ip_address(address), (IPv6Network(prefix),))) == "192.0.2.33"
    assert str(reached(ip_address("2606:4700::1"), (IPv6Network(prefix),))) == "2606:4700::1"


def test_ways_of_embedding_but_mapping_are_no_way_to_the_address_within() -> None:
    direct = {way for address, way in embedded("8.8.8.8") if is_public(address)}
    assert direct == {"mapped", "mapped, dotted", "mapped, in full"}
