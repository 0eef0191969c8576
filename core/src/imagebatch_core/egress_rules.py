"""The rules for dialling addresses that users name: settings, and the check of one address.

Pure functions; :mod:`imagebatch_core.egress` applies them when it dials.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_network
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from .addresses import (
    NAT64_LENGTHS,
    WELL_KNOWN_NAT64,
    Address,
    Network,
    parse_address,
    parse_network,
    reached,
    special_purpose,
)
from .environment import EnvironmentSettings

_HOST: Final = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?")
_LOOPBACK: Final = (IPv4Address("127.0.0.1"), IPv6Address("::1"))
#: Why an address of :attr:`EgressRules.denied` is refused.
DENIED: Final = "closed by IMAGEBATCH_FETCH_DENY"


@dataclass(frozen=True, slots=True)
class EgressRules:
    """The exceptions to the default: public addresses are open, all others are closed.

    Networks in ``denied`` are always closed; they have precedence. Networks in ``allowed`` are open
    to every host that resolves into them. Hosts in ``hosts`` are open on every port, also at
    private addresses. A host opens its addresses to no other host, and never opens loopback,
    link-local or cloud metadata addresses. ``nat64`` are prefixes of addresses that contain an IPv4
    address: that IPv4 address is checked.
    """

    hosts: frozenset[str] = frozenset()
    allowed: tuple[Network, ...] = ()
    denied: tuple[Network, ...] = ()
    nat64: tuple[IPv6Network, ...] = (WELL_KNOWN_NAT64,)

    @classmethod
    def parse(
        cls, allow: str = "", deny: str = "", nat64: str = str(WELL_KNOWN_NAT64)
    ) -> EgressRules:
        """Parse the rules from comma-separated lists.

        ``allow`` holds host names, addresses and CIDRs, ``deny`` CIDRs, ``nat64`` prefixes.

        Raises:
            ValueError: an entry is not valid, or would never match.
        """
        hosts: set[str] = set()
        networks: list[Network] = []
        for entry in _entries(allow):
            network = _network(entry)
            if network is not None:
                networks.append(network)
            else:
                hosts.add(_checked_name(entry))
        return cls(
            frozenset(hosts),
            tuple(networks),
            tuple(_checked_denied(entry) for entry in _entries(deny)),
            tuple(_checked_prefix(entry) for entry in _entries(nat64)),
        )

    def allows_host(self, host: str) -> bool:
        return host.lower().rstrip(".") in self.hosts

    def refused_name(self, host: str) -> str | None:
        """Return why a host is refused before any look-up; ``None`` if it is not.

        ``localhost`` is this machine (RFC 6761, 6.3).
        """
        if _is_localhost(host) and not any(self._opened(ip, True) for ip in _LOOPBACK):
            return "loopback"
        return None

    def refusal(self, host: str, address: str) -> str | None:
        """Return why ``address``, which ``host`` resolved to, is refused; ``None`` if it is not."""
        ip, scoped = parse_address(address)
        target = reached(ip, self.nat64)
        both = (ip, target)
        if any(one in network for network in self.denied for one in both):
            return DENIED
        special = special_purpose(target)
        if special is None and not scoped:
            return None
        if any(self._opened(one, special is None or special.by_network) for one in both):
            return None
        if special is None:
            return "scoped to one interface"
        if not self.allows_host(host):
            return special.why
        if special.by_name and not scoped:
            return None
        return f"{special.why}, which no host name opens: allow the address itself"

    def _opened(self, ip: Address, by_network: bool) -> bool:
        """Return whether ``allowed`` contains an address itself or, with ``by_network``, a network
        with it."""
        return any(
            ip in network and (by_network or network.num_addresses == 1) for network in self.allowed
        )


def _entries(text: str) -> list[str]:
    return [entry for part in text.split(",") if (entry := part.strip().lower())]


def _network(entry: str) -> Network | None:
    try:
        return parse_network(entry)
    except ValueError:
        return None


def _is_localhost(host: str) -> bool:
    name = host.lower().rstrip(".")
    return name == "localhost" or name.endswith(".localhost")


def _checked_name(entry: str) -> str:
    if not _HOST.fullmatch(entry) or entry.replace(".", "").isdigit():
        raise ValueError(
            f"{entry!r} is no host name, address or CIDR (names in ASCII, without port, scheme or "
            "wildcard)"
        )
    if _is_localhost(entry):
        raise ValueError(f"{entry!r}: no name opens loopback; allow 127.0.0.0/8 and ::1 instead")
    return entry.rstrip(".")


def _checked_denied(entry: str) -> Network:
    network = _network(entry)
    if network is None:
        raise ValueError(f"{entry!r} is no address or CIDR (names cannot be denied)")
    return network


def _checked_prefix(entry: str) -> IPv6Network:
    try:
        prefix = ip_network(entry)
    except ValueError:
        prefix = None
    if not isinstance(prefix, IPv6Network) or prefix.prefixlen not in NAT64_LENGTHS:
        lengths = ", ".join(map(str, NAT64_LENGTHS))
        raise ValueError(f"{entry!r} is no prefix of NAT64: an IPv6 CIDR of length {lengths}")
    return prefix


def _checked_allow(text: str) -> str:
    EgressRules.parse(allow=text)
    return text


def _checked_deny(text: str) -> str:
    EgressRules.parse(deny=text)
    return text


def _checked_nat64(text: str) -> str:
    EgressRules.parse(nat64=text)
    return text


class EgressSettings(EnvironmentSettings):
    """The settings of the address guard, for components that dial addresses named by users."""

    fetch_allow: Annotated[str, AfterValidator(_checked_allow)] = Field(
        "",
        description="Comma-separated hosts and CIDRs that may be dialled although they are not "
        "public. A host is allowed on every port; other names that resolve to its addresses are "
        "not. A name never allows loopback, link-local or metadata addresses; a metadata address "
        "must be listed itself.",
    )
    fetch_deny: Annotated[str, AfterValidator(_checked_deny)] = Field(
        "",
        description="Comma-separated CIDRs that are never dialled, even if fetch_allow contains "
        "them: for ranges of the cluster or the company that look public.",
    )
    fetch_nat64: Annotated[str, AfterValidator(_checked_nat64)] = Field(
        str(WELL_KNOWN_NAT64),
        description="Comma-separated NAT64 prefixes. For an address in one of them, the IPv4 "
        "address that it contains is checked.",
    )

    @property
    def egress_rules(self) -> EgressRules:
        return EgressRules.parse(self.fetch_allow, self.fetch_deny, self.fetch_nat64)
