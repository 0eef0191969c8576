"""Addresses that a guard must not dial: special-purpose, of cloud services, or embedding IPv4.

Names and ranges follow https://www.iana.org/assignments/iana-ipv4-special-registry and
…/iana-ipv6-special-registry, with multicast and reserved ranges, which have their own registries.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_network

#: CIDR → name in the registry.
RANGES = {
    "0.0.0.0/8": "this network",
    "0.0.0.0/32": "this host on this network",
    "10.0.0.0/8": "private use",
    "100.64.0.0/10": "shared address space",
    "127.0.0.0/8": "loopback",
    "169.254.0.0/16": "link local",
    "172.16.0.0/12": "private use",
    "192.0.0.0/24": "IETF protocol assignments",
    "192.0.0.0/29": "IPv4 service continuity prefix",
    "192.0.0.8/32": "IPv4 dummy address",
    "192.0.0.9/32": "port control protocol anycast",
    "192.0.0.10/32": "TURN anycast",
    "192.0.0.170/31": "NAT64 and DNS64 discovery",
    "192.0.2.0/24": "documentation (TEST-NET-1)",
    "192.31.196.0/24": "AS112-v4",
    "192.52.193.0/24": "AMT",
    "192.88.99.0/24": "deprecated 6to4 relay anycast",
    "192.88.99.2/32": "6a44 relay anycast",
    "192.168.0.0/16": "private use",
    "192.175.48.0/24": "direct delegation AS112 service",
    "198.18.0.0/15": "benchmarking",
    "198.51.100.0/24": "documentation (TEST-NET-2)",
    "203.0.113.0/24": "documentation (TEST-NET-3)",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved",
    "255.255.255.255/32": "limited broadcast",
    "::1/128": "loopback",
    "::/128": "unspecified",
    "::/96": "IPv4-compatible",
    "64:ff9b::/96": "IPv4-IPv6 translation",
    "64:ff9b:1::/48": "IPv4-IPv6 translation, local use",
    "100::/64": "discard only",
    "100:0:0:1::/64": "dummy prefix",
    "2001::/23": "IETF protocol assignments",
    "2001::/32": "Teredo",
    "2001:1::1/128": "port control protocol anycast",
    "2001:1::2/128": "TURN anycast",
    "2001:1::3/128": "DNS-SD service registration anycast",
    "2001:2::/48": "benchmarking",
    "2001:3::/32": "AMT",
    "2001:4:112::/48": "AS112-v6",
    "2001:10::/28": "deprecated ORCHID",
    "2001:20::/28": "ORCHIDv2",
    "2001:30::/28": "drone remote ID",
    "2001:db8::/32": "documentation",
    "2002::/16": "6to4",
    "2620:4f:8000::/48": "direct delegation AS112 service",
    "3fff::/20": "documentation",
    "4000::/2": "not handed out",
    "5f00::/16": "segment routing (SRv6) SIDs",
    "fc00::/7": "unique local",
    "fe80::/10": "link-local unicast",
    "fec0::/10": "deprecated site-local",
    "ff00::/8": "multicast",
}

#: Addresses at which clouds serve credentials and configuration.
CLOUD = {
    "169.254.169.254": "metadata of nearly all",
    "169.254.169.253": "AWS: resolver",
    "169.254.169.123": "AWS: time",
    "169.254.170.2": "AWS: credentials of ECS tasks",
    "169.254.170.23": "AWS: EKS pod identity",
    "169.254.169.252": "GKE: metadata server",
    "169.254.42.42": "Scaleway",
    "169.254.0.23": "Tencent",
    "168.63.129.16": "Azure: wire server",
    "100.100.100.200": "Alibaba",
    "192.0.0.192": "Oracle",
    "fd00:ec2::254": "AWS by IPv6",
    "fd00:ec2::23": "AWS: EKS pod identity by IPv6",
    "fd20:ce::254": "GCP by IPv6",
    "fe80::a9fe:a9fe": "OpenStack by IPv6",
}

#: Public addresses next to the ranges, and of ordinary hosts, which a guard must allow.
PUBLIC = (
    "1.0.0.0", "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
    "126.255.255.255", "128.0.0.0", "168.63.129.15", "168.63.129.17", "169.253.255.255",
    "169.255.0.0", "172.15.255.255", "172.32.0.0", "191.255.255.255", "192.0.1.0", "192.0.3.0",
    "192.31.195.255", "192.31.197.0", "192.52.192.255", "192.52.194.0", "192.88.98.255",
    "192.88.100.0", "192.167.255.255", "192.169.0.0", "192.175.47.255", "192.175.49.0",
    "198.17.255.255", "198.20.0.0", "198.51.99.255", "198.51.101.0", "203.0.112.255",
    "203.0.114.0", "223.255.255.255", "2001:200::", "2001:4860:4860::8888",
    "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::", "2003::", "2606:4700::1111",
    "2620:4f:7fff:ffff:ffff:ffff:ffff:ffff", "2620:4f:8001::", "2a00:1450:4001::200e",
    "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
)  # fmt: skip


def samples() -> Iterator[tuple[str, str]]:
    """Yield the first, a middle and the last address of every range, with the range's name."""
    for cidr, name in RANGES.items():
        network = ip_network(cidr)
        middle = network.network_address + network.num_addresses // 2
        for address in dict.fromkeys((network.network_address, middle, network.broadcast_address)):
            yield str(address), name


def embedded(text: str) -> Iterator[tuple[str, str]]:
    """Yield IPv6 addresses that contain an IPv4 address, with the name of the notation."""
    v4 = int(IPv4Address(text))
    high, low = v4 >> 16, v4 & 0xFFFF
    ways = {
        "mapped": f"::ffff:{high:x}:{low:x}",
        "mapped, dotted": f"::ffff:{text}",
        "mapped, in full": f"0000:0000:0000:0000:0000:FFFF:{high:04X}:{low:04X}",
        "translated (SIIT)": f"::ffff:0:{high:x}:{low:x}",
        "compatible": f"::{high:x}:{low:x}",
        "6to4": f"2002:{high:x}:{low:x}::1",
        "NAT64": f"64:ff9b::{high:x}:{low:x}",
        "NAT64, local use": f"64:ff9b:1::{high:x}:{low:x}",
        "Teredo server": f"2001:0:{high:x}:{low:x}::1",
        "Teredo client": str(IPv6Address((0x20010000 << 96) | (v4 ^ 0xFFFFFFFF))),
        "ISATAP": f"2606:4700::5efe:{high:x}:{low:x}",
        "ISATAP, global": f"2606:4700::200:5efe:{high:x}:{low:x}",
        "ISATAP, link-local": f"fe80::5efe:{high:x}:{low:x}",
    }
    for way, address in ways.items():
        yield address, way
