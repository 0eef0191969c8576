"""What NetworkPolicies let through, by the rules of the API's reference.

A flow passes if an egress rule of its source and an ingress rule of its destination let it. A pod
that no policy selects for a direction is open in that direction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

Policy = Mapping[str, Any]


@dataclass(frozen=True)
class Place:
    """A pod, if it has a namespace, or else an address outside the cluster."""

    address: str
    namespace: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


def passes(policies: Iterable[Policy], source: Place, to: Place, port: int) -> bool:
    """Whether a TCP connection from ``source`` to ``port`` of ``to`` is let through."""
    known = list(policies)
    ways_out = _rules(known, source, "Egress")
    ways_in = _rules(known, to, "Ingress")
    return (ways_out is None or any(_lets(rule, "to", to, source, port) for rule in ways_out)) and (
        ways_in is None or any(_lets(rule, "from", source, to, port) for rule in ways_in)
    )


def _rules(policies: list[Policy], pod: Place, direction: str) -> list[Any] | None:
    """The rules for a pod in one direction; ``None`` where no policy is about it."""
    selecting = [
        policy["spec"]
        for policy in policies
        if policy["metadata"]["namespace"] == pod.namespace
        and direction in policy["spec"]["policyTypes"]
        and _selects(policy["spec"]["podSelector"], pod.labels)
    ]
    if not selecting:
        return None
    return [rule for spec in selecting for rule in spec.get(direction.lower()) or []]


def _lets(rule: Mapping[str, Any], peers: str, other: Place, own: Place, port: int) -> bool:
    return _has_port(rule.get("ports"), port) and _has_peer(rule.get(peers), other, own.namespace)


def _has_port(ports: list[dict[str, Any]] | None, port: int) -> bool:
    """A rule without ports is about all; an empty list counts as none given."""
    if not ports:
        return True
    for one in ports:
        assert isinstance(one.get("port", 0), int), "a port by its name is not understood here"
        first = one.get("port", 0)
        last = one.get("endPort", first or 65535)
        if one.get("protocol", "TCP") == "TCP" and first <= port <= last:
            return True
    return False


def _has_peer(peers: list[dict[str, Any]] | None, other: Place, own: str | None) -> bool:
    """A rule without peers is about all; selectors match pods only."""
    if not peers:
        return True
    return any(_is_peer(peer, other, own) for peer in peers)


def _is_peer(peer: Mapping[str, Any], other: Place, own: str | None) -> bool:
    if "ipBlock" in peer:
        block, address = peer["ipBlock"], ip_address(other.address)
        holes = (ip_network(one) for one in block.get("except", []))
        return address in ip_network(block["cidr"]) and not any(address in one for one in holes)
    if other.namespace is None:
        return False
    if "namespaceSelector" in peer:
        labels = {"kubernetes.io/metadata.name": other.namespace}
        if not _selects(peer["namespaceSelector"], labels):
            return False
    elif other.namespace != own:
        return False
    return _selects(peer.get("podSelector", {}), other.labels)


def _selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    assert set(selector) <= {"matchLabels"}, "expressions are not understood here"
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
