"""Find a free /30 network for the link between the host and an instance."""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network

from hosttools.command import run
from hosttools.errors import HostError

LINKS = ipaddress.IPv4Network("10.213.0.0/16")


@dataclass(frozen=True)
class Link:
    """The addresses of both ends of the veth pair."""

    network: str
    host: str
    node: str

    @staticmethod
    def of(network: IPv4Network) -> Link:
        return Link(str(network), str(network[1]), str(network[2]))


def free_link(name: str, used: Iterable[IPv4Network]) -> Link:
    """Return the first free /30 network, searched from a place that depends on the name.

    So an instance usually gets the same addresses again, and a kubeconfig that was copied by hand
    differs only in its certificates. ``used`` are the networks that are not free. Raises HostError.
    """
    taken = [network for network in used if network.prefixlen > 0]
    links = list(LINKS.subnets(new_prefix=30))
    start = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % len(links)
    for link in links[start:] + links[:start]:
        if not any(link.overlaps(network) for network in taken):
            return Link.of(link)
    raise HostError(f"no free network in {LINKS}: routes of this machine cover all of it")


def parse_networks(routes: str, addresses: str) -> list[IPv4Network]:
    """Return the networks in the JSON output of ``ip route`` and ``ip address``."""
    found: list[IPv4Network] = []
    for route in json.loads(routes or "[]"):
        target = route.get("dst", "default")
        if target != "default" and ":" not in target:
            found.append(IPv4Network(target, strict=False))
    for interface in json.loads(addresses or "[]"):
        for address in interface.get("addr_info", []):
            if address.get("family") == "inet":
                text = f"{address['local']}/{address['prefixlen']}"
                found.append(IPv4Network(text, strict=False))
    return found


def used_networks() -> list[IPv4Network]:
    """Return the networks that this machine's routes and addresses use now."""
    return parse_networks(
        run(["ip", "-json", "-4", "route", "show", "table", "all"]),
        run(["ip", "-json", "-4", "address", "show"]),
    )
