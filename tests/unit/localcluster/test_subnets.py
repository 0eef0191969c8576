"""The choice of a link network that collides with nothing."""

from __future__ import annotations

import json
from ipaddress import IPv4Network

import pytest

from hosttools.errors import HostError
from localcluster.subnets import LINKS, free_link, parse_networks


def test_a_name_gets_the_same_network_each_time() -> None:
    assert free_link("dev", []) == free_link("dev", [])


def test_a_taken_network_is_stepped_over() -> None:
    first = free_link("dev", [])
    second = free_link("dev", [IPv4Network(first.network)])
    assert second.network != first.network
    assert not IPv4Network(second.network).overlaps(IPv4Network(first.network))


def test_a_wider_route_of_the_machine_is_avoided_whole() -> None:
    half = next(LINKS.subnets(prefixlen_diff=1))
    for name in ("dev", "test", "other"):
        assert not IPv4Network(free_link(name, [half]).network).overlaps(half)


def test_the_default_route_takes_nothing() -> None:
    assert free_link("dev", [IPv4Network("0.0.0.0/0")]) == free_link("dev", [])


def test_a_machine_that_routes_all_of_it_is_told_so() -> None:
    with pytest.raises(HostError, match="no free network"):
        free_link("dev", [IPv4Network("10.0.0.0/8")])


def test_both_ends_lie_in_the_network() -> None:
    link = free_link("dev", [])
    hosts = [str(host) for host in IPv4Network(link.network).hosts()]
    assert [link.host, link.node] == hosts


def test_routes_and_addresses_are_read_and_the_default_route_is_left_out() -> None:
    routes = json.dumps([{"dst": "default"}, {"dst": "10.1.0.0/16"}, {"dst": "192.0.2.7"}])
    local = {"family": "inet", "local": "192.0.2.2", "prefixlen": 24}
    addresses = json.dumps([{"addr_info": [local, {"family": "inet6", "local": "::1"}]}])
    assert parse_networks(routes, addresses) == [
        IPv4Network("10.1.0.0/16"),
        IPv4Network("192.0.2.7/32"),
        IPv4Network("192.0.2.0/24"),
    ]
