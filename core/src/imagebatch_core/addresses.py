"""Tables and pure functions that say which IP addresses are public, and what the others are for.

Sources: the IANA special-purpose registries for IPv4 and IPv6 (RFC 6890 and its updates), RFC 3056
(6to4), RFC 4380 (Teredo), RFC 5214 (ISATAP), RFC 6052 and RFC 8215 (NAT64), and the clouds'
documentation of their metadata services. :mod:`.egress_rules` decides what may be dialled.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final, NamedTuple

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class Special(NamedTuple):
    """Why an address is not public.

    ``by_name``: a host name in the allow-list opens the address. Names are meant for hosts of a
    private network; they never open the addresses of the machine itself or of a cloud's services,
    whatever DNS says. ``by_network``: a network in the allow-list that contains the address opens
    it. Without it, only an entry of the address itself does.
    """

    why: str
    by_name: bool = False
    by_network: bool = True


_NOT_UNICAST: Final = Special("not global unicast")
_METADATA: Final = Special("a cloud's metadata", by_network=False)

#: The first match counts, so the most specific ranges come first.
_V4: Final = tuple(
    (IPv4Network(network), special)
    for network, special in (
        ("100.100.100.200/32", _METADATA),
        ("168.63.129.16/32", _METADATA),
        ("169.254.0.23/32", _METADATA),
        ("169.254.42.42/32", _METADATA),
        ("169.254.169.0/24", _METADATA),
        ("169.254.170.0/24", _METADATA),
        ("192.0.0.192/32", _METADATA),
        ("0.0.0.0/8", Special("this network")),
        ("10.0.0.0/8", Special("private", by_name=True)),
        ("100.64.0.0/10", Special("carrier-grade NAT", by_name=True)),
        ("127.0.0.0/8", Special("loopback")),
        ("169.254.0.0/16", Special("link-local")),
        ("172.16.0.0/12", Special("private", by_name=True)),
        ("192.0.0.0/24", Special("protocol assignments", by_name=True)),
        ("192.0.2.0/24", Special("documentation", by_name=True)),
        ("192.31.196.0/24", Special("AS112", by_name=True)),
        ("192.52.193.0/24", Special("AMT", by_name=True)),
        ("192.88.99.0/24", Special("6to4 relay")),
        ("192.168.0.0/16", Special("private", by_name=True)),
        ("192.175.48.0/24", Special("AS112", by_name=True)),
        ("198.18.0.0/15", Special("benchmarking", by_name=True)),
        ("198.51.100.0/24", Special("documentation", by_name=True)),
        ("203.0.113.0/24", Special("documentation", by_name=True)),
        ("224.0.0.0/4", Special("multicast")),
        ("255.255.255.255/32", Special("broadcast")),
        ("240.0.0.0/4", Special("reserved", by_name=True)),
    )
)
#: Only 2000::/3 is assigned as global unicast; the holes are the ranges in it that are not public.
_V6_GLOBAL: Final = IPv6Network("2000::/3")
_V6_HOLES: Final = tuple(
    (IPv6Network(network), special)
    for network, special in (
        ("2001::/23", Special("protocol assignments, Teredo")),
        ("2001:db8::/32", Special("documentation", by_name=True)),
        ("2002::/16", Special("6to4")),
        ("2620:4f:8000::/48", Special("AS112", by_name=True)),
        ("3fff::/20", Special("documentation", by_name=True)),
    )
)
_V6_OTHERS: Final = tuple(
    (IPv6Network(network), special)
    for network, special in (
        ("fd00:ec2::254/128", _METADATA),
        ("fd00:ec2::23/128", _METADATA),
        ("fd20:ce::254/128", _METADATA),
        ("fe80::a9fe:a9fe/128", _METADATA),
        ("::1/128", Special("loopback")),
        ("fc00::/7", Special("private", by_name=True)),
        ("fe80::/10", Special("link-local")),
        ("fec0::/10", Special("private", by_name=True)),
        ("ff00::/8", Special("multicast")),
    )
)
_MAPPED: Final = IPv6Network("::ffff:0:0/96")
_ISATAP: Final = (0x00005EFE, 0x02005EFE)

#: The well-known NAT64 prefix of RFC 6052, and the prefix lengths that the RFC allows.
WELL_KNOWN_NAT64: Final = IPv6Network("64:ff9b::/96")
NAT64_LENGTHS: Final = (32, 40, 48, 56, 64, 96)


def special_purpose(ip: Address) -> Special | None:
    """Return why an address is not public; ``None`` if it is public.

    IPv4 addresses within IPv6 addresses are not checked: see :func:`reached`.
    """
    if isinstance(ip, IPv4Address):
        return _first(_V4, ip)
    if ip not in _V6_GLOBAL:
        return _first(_V6_OTHERS, ip) or _NOT_UNICAST
    hole = _first(_V6_HOLES, ip)
    if hole is not None:
        return hole
    if (int(ip) >> 32) & 0xFFFFFFFF in _ISATAP:
        return Special("ISATAP")
    return None


def reached(ip: Address, nat64: Iterable[IPv6Network]) -> Address:
    """Return the address that is reached when ``ip`` is dialled.

    An IPv4-mapped address and an address in a ``nat64`` prefix reach the IPv4 address within.
    """
    if isinstance(ip, IPv4Address):
        return ip
    if ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    for prefix in nat64:
        if ip in prefix:
            return _embedded(ip, prefix.prefixlen)
    return ip


def parse_network(text: str) -> Network:
    """Parse a network; a network of IPv4-mapped addresses becomes the IPv4 network.

    Raises:
        ValueError: the text is no network, or has bits set beyond the prefix length.
    """
    network = ip_network(text)
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        return IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - 96))
    return network


def parse_address(text: str) -> tuple[Address, bool]:
    """Parse an address of the resolver; return it and whether it has a zone (``%eth0``)."""
    address, zone, _ = text.partition("%")
    return ip_address(address), bool(zone)


def _embedded(ip: IPv6Address, length: int) -> IPv4Address:
    """Return the IPv4 address after a prefix, without the byte of bits 64 to 71 (RFC 6052, 2.2)."""
    following = [byte for at, byte in enumerate(ip.packed) if at * 8 >= length and at != 8]
    return IPv4Address(bytes(following[:4]))


def _first(table: Iterable[tuple[Network, Special]], ip: Address) -> Special | None:
    return next((special for network, special in table if ip in network), None)
