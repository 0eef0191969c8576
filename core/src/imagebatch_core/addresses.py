"""Which network addresses may be dialled for what strangers name.

Pure rules; :mod:`imagebatch_core.egress` applies them at dial time. Sources: the IANA
special-purpose registries for IPv4 and IPv6 (RFC 6890 and its updates), RFC 3056 (6to4), RFC 4380
(Teredo), RFC 5214 (ISATAP), RFC 6052 and RFC 8215 (NAT64).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

from .errors import ConfigurationRefused

_V4: Final = tuple(
    (IPv4Network(network), why)
    for network, why in (
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "carrier-grade NAT"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "a cloud's wire server"),
        ("169.254.0.0/16", "link-local, cloud metadata"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "protocol assignments"),
        ("192.0.2.0/24", "documentation"),
        ("192.31.196.0/24", "AS112"),
        ("192.52.193.0/24", "AMT"),
        ("192.88.99.0/24", "6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("192.175.48.0/24", "AS112"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
# Only 2000::/3 is handed out as global unicast; what follows are the holes in it.
_V6_GLOBAL: Final = IPv6Network("2000::/3")
_V6_HOLES: Final = tuple(
    (IPv6Network(network), why)
    for network, why in (
        ("2001::/23", "protocol assignments, Teredo"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),
        ("2620:4f:8000::/48", "AS112"),
        ("3fff::/20", "documentation"),
    )
)
_MAPPED: Final = IPv6Network("::ffff:0:0/96")
_HOST: Final = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?")
_ISATAP: Final = (0x00005EFE, 0x02005EFE)


def refusal(address: str) -> str | None:
    """Why an IP address is not dialled, or ``None`` when it is public.

    ``address`` is one as the resolver gives it; a zone (``%eth0``) is a refusal of itself.
    """
    if "%" in address:
        return "scoped to one interface"
    ip = ip_address(address)
    if isinstance(ip, IPv4Address):
        return next((why for network, why in _V4 if ip in network), None)
    if ip.ipv4_mapped is not None:
        # Dialling it reaches the IPv4 address, so that one decides.
        return refusal(str(ip.ipv4_mapped))
    if ip not in _V6_GLOBAL:
        return "not global unicast"
    hole = next((why for network, why in _V6_HOLES if ip in network), None)
    if hole is not None:
        return hole
    if (int(ip) >> 32) & 0xFFFFFFFF in _ISATAP:
        return "ISATAP"
    return None


def _unmapped(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    """A network of IPv4-mapped addresses as that of the IPv4 addresses which they reach."""
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        return IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - 96))
    return network


@dataclass(frozen=True, slots=True)
class AllowList:
    """Hosts and networks that are let through although they are not public.

    A host is allowed at whatever address it has and on every port; it opens these addresses to no
    other host. A network is allowed to every host that resolves into it.
    """

    hosts: frozenset[str] = frozenset()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def parse(cls, text: str | None) -> AllowList:
        """From comma-separated host names, addresses and CIDRs.

        Raises:
            ConfigurationRefused: an entry is none of these.
        """
        hosts: set[str] = set()
        networks: list[IPv4Network | IPv6Network] = []
        for entry in (part.strip().lower() for part in (text or "").split(",")):
            if not entry:
                continue
            try:
                networks.append(_unmapped(ip_network(entry)))
            except ValueError as error:
                if not _HOST.fullmatch(entry) or entry.replace(".", "").isdigit():
                    raise ConfigurationRefused(
                        f"IMAGEBATCH_FETCH_ALLOW: {entry!r} is no host name, address or CIDR "
                        "(names in ASCII, without port, scheme or wildcard)"
                    ) from error
                hosts.add(entry.rstrip("."))
        return cls(frozenset(hosts), tuple(networks))

    def allows_host(self, host: str) -> bool:
        return host.lower().rstrip(".") in self.hosts

    def allows_address(self, address: str) -> bool:
        ip: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
        if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        return any(ip in network for network in self.networks)

    def refusal(self, host: str, address: str) -> str | None:
        """Why ``address``, which ``host`` resolved to, is not dialled; ``None`` when it may be."""
        why = refusal(address)
        if why is None or self.allows_host(host) or self.allows_address(address):
            return None
        return why
