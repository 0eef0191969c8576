"""Network policies: who reaches what. That a network enforces them is tested where one does."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from random import Random
from typing import Any

import pytest
import yaml

from imagebatch_core.addresses import special_purpose
from imagebatch_core.egress_rules import DENIED, EgressRules

from .conftest import NAMESPACE, ROOT, HelmFailed, Rendered

Render = Callable[..., Rendered]


def _egress(chart: Rendered, name: str) -> list[dict[str, Any]]:
    policy = chart.one("NetworkPolicy", name, NAMESPACE)
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    rules: list[dict[str, Any]] = policy["spec"]["egress"]
    # The way to the API server: tests/unit/chart/test_flows.py.
    return [rule for rule in rules if {p["port"] for p in rule.get("ports", [])} != {443, 6443}]


def _blocks(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [peer["ipBlock"] for rule in rules for peer in rule.get("to", []) if "ipBlock" in peer]


def test_each_part_has_a_policy_and_all_can_be_switched_off(render: Render) -> None:
    found = {one["metadata"]["name"] for one in render().all("NetworkPolicy")}
    parts = {"imagebatch-operator", "imagebatch-gateway", "imagebatch-runner", "imagebatch-sweep"}
    assert found == parts
    assert render(networkPolicy={"enabled": False}).all("NetworkPolicy") == []


def test_no_rule_of_the_runner_leads_to_the_api_server(render: Render) -> None:
    chart = render(s3={"endpoint": "http://seaweedfs:8333"})
    ports = {
        port["port"]
        for rule in _egress(chart, "imagebatch-runner")
        if "to" not in rule
        for port in rule["ports"]
    }
    assert ports == {53}
    allowed = [ip_network(block["cidr"]) for block in _blocks(_egress(chart, "imagebatch-runner"))]
    assert allowed == [ip_network(one) for one in ("0.0.0.0/0", "2000::/3", "64:ff9b::/96")]


def test_private_ranges_are_walled_off_as_the_address_guard_does(render: Render) -> None:
    (v4, _, _) = _blocks(_egress(render(), "imagebatch-operator"))
    for cidr in v4["except"]:
        assert special_purpose(IPv4Network(cidr)[0]) is not None
    for address in ("10.0.0.1", "169.254.169.254", "172.20.0.1", "192.168.1.1", "100.64.0.1"):
        assert any(IPv4Address(address) in IPv4Network(cidr) for cidr in v4["except"])


def test_allowed_networks_and_addresses_are_let_through(render: Render) -> None:
    chart = render(egress={"allow": ["10.1.0.0/16", "10.2.3.4", "fd00::1", "catalogue.shop.svc"]})
    for name in ("imagebatch-runner", "imagebatch-operator"):
        cidrs = [block["cidr"] for block in _blocks(_egress(chart, name))]
        assert cidrs[-5:] == [
            "10.1.0.0/16", "10.2.3.4/32", "fd00::1/128",
            "64:ff9b::10.1.0.0/112", "64:ff9b::10.2.3.4/128",
        ]  # fmt: skip


#: Networks on both sides of each other's borders, with addresses within and beside them.
NESTED = ("25.0.0.0/8", "25.128.0.0/9", "25.1.0.0/16", "25.1.2.3", "10.1.0.0/16", "11.0.0.0/8",
          "2600:1f00::/24", "2600:1f18::/32", "2600:1f18::1", "fd00::/8", "fd01:2::/32", "::/0",
          "2000::/3", "2001:67c:64::/48", "64:ff9b::/96", "0.0.0.0/0", "0.0.0.0/1")  # fmt: skip
PROBES = (
    "24.255.255.255", "25.0.0.0", "25.1.0.0", "25.1.2.2", "25.1.2.3", "25.1.255.255", "25.2.0.0",
    "25.127.255.255", "25.128.0.0", "25.255.255.255", "26.0.0.0", "8.8.8.8", "10.0.0.1", "10.1.0.1",
    "11.1.1.1", "128.0.0.1", "127.0.0.1", "169.254.169.254", "2600:1eff::1", "2600:1f00::1",
    "2600:1f18::1", "2600:1f18::2", "2600:2000::1", "2001:67c:64::808:808", "2001:67c:65::1",
    "fd00::1", "fd01:2::1", "fd01:3::1", "fe80::1", "::1", "64:ff9b::808:808", "64:ff9b::a00:1",
    "64:ff9b::1901:203",
)  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
def test_what_is_denied_is_walled_off_and_nothing_else_is(render: Render, seed: int) -> None:
    """The API server refuses an exception that does not lie within its block."""
    chance = Random(seed)
    deny = chance.sample(NESTED, 3)
    allow = chance.sample([one for one in NESTED if one not in ("::/0", "0.0.0.0/0")], 3)
    nat64 = chance.choice(["64:ff9b::/96", "2001:67c:64::/96"])
    egress = {"deny": deny, "allow": allow, "nat64": [nat64]}
    chart = render(egress=egress, s3={"endpoint": "http://seaweedfs:8333"})
    blocks = _blocks(_egress(chart, "imagebatch-operator"))
    for block in blocks:
        for hole in block.get("except", []):
            assert ip_network(hole) != ip_network(block["cidr"])
            assert ip_network(hole).subnet_of(ip_network(block["cidr"]))  # type: ignore[arg-type]
    rules = EgressRules.parse(",".join(allow), ",".join(deny), nat64)
    for probe in PROBES:
        if rules.refusal("a.example", probe) == DENIED:
            assert not _lets_through(blocks, probe), (probe, deny)
        elif rules.refusal("a.example", probe) is None:
            assert _lets_through(blocks, probe), (probe, allow, deny)
        elif rules.refusal("a.example", probe) == "private":
            assert not _lets_through(blocks, probe), (probe, allow, deny)


def test_a_wall_without_any_opening_is_no_open_wall(render: Render) -> None:
    """A rule whose list of peers is empty would allow everything."""
    shut = {"deny": ["0.0.0.0/0", "::/0"], "allow": ["10.0.0.0/8", "fd00::1"]}
    with pytest.raises(HelmFailed, match=r"set networkPolicy\.s3\.to"):
        render(egress=shut)
    chart = render(egress=shut, s3={"endpoint": "http://seaweedfs:8333"})
    rules = _egress(chart, "imagebatch-operator")
    assert [rule["ports"][0]["port"] for rule in rules] == [53]
    assert _blocks(rules) == []


def test_a_list_of_egress_that_is_left_empty_counts_as_empty(render: Render) -> None:
    chart = render(egress={"allow": None, "deny": None, "s3Allow": None})
    assert chart.env("imagebatch-operator")["IMAGEBATCH_FETCH_DENY"] == ""
    assert len(_blocks(_egress(chart, "imagebatch-operator"))) == 3


@pytest.mark.parametrize(
    "prefix", ["64:ff9b::/96", "64:ff9b:1::/48", "2001:67c:1:2:3:4::/96", "2001:67c:64::/64"]
)
def test_a_prefix_of_nat64_is_opened_without_what_is_private(render: Render, prefix: str) -> None:
    chart = render(egress={"nat64": [prefix]})
    assert chart.env("imagebatch-operator")["IMAGEBATCH_FETCH_NAT64"] == prefix
    (*_, block) = _blocks(_egress(chart, "imagebatch-runner"))
    assert block["cidr"] == prefix
    if prefix.endswith("/96"):
        private = int(ip_network(prefix)[0]) + int(IPv4Address("10.0.0.1"))
        assert any(IPv6Address(private) in IPv6Network(hole) for hole in block["except"])


def _lets_through(blocks: list[dict[str, Any]], address: str) -> bool:
    ip = ip_address(address)
    return any(
        ip in ip_network(block["cidr"])
        and not any(ip in ip_network(hole) for hole in block.get("except", []))
        for block in blocks
    )


def test_aws_itself_is_reached_on_public_addresses_only(render: Render) -> None:
    (rule,) = (r for r in _egress(render(), "imagebatch-gateway") if "to" in r)
    assert rule["ports"] == [{"protocol": "TCP", "port": 443}]
    assert "10.0.0.0/8" in rule["to"][0]["ipBlock"]["except"]


def test_the_way_to_a_private_store_can_be_narrowed(render: Render) -> None:
    peer = {"podSelector": {"matchLabels": {"app": "minio"}}}
    chart = render(
        s3={"endpoint": "https://minio.storage.svc"}, networkPolicy={"s3": {"to": [peer]}}
    )
    rules = _egress(chart, "imagebatch-runner")
    assert {"ports": [{"protocol": "TCP", "port": 443}], "to": [peer]} in rules


def test_callers_of_the_gateway_can_be_narrowed(render: Render) -> None:
    peer = {"namespaceSelector": {"matchLabels": {"name": "ingress"}}}
    chart = render(networkPolicy={"gateway": {"from": [peer]}})
    policy = chart.one("NetworkPolicy", "imagebatch-gateway")
    assert policy["spec"]["ingress"][0]["from"] == [peer]
    assert render().one("NetworkPolicy", "imagebatch-runner")["spec"]["ingress"] == []


def test_documented_way_to_a_host_by_its_name_opens_guard_and_network(render: Render) -> None:
    page = (ROOT / "docs" / "runner.md").read_text()
    section = page.partition("## Hosts that are not public")[2]
    values = yaml.safe_load(section.partition("```yaml")[2].partition("```")[0])
    chart = render(**values)
    (extra,) = values["networkPolicy"]["extraEgress"]
    assert extra in _egress(chart, "imagebatch-runner")
    settings = chart.one("ConfigMap", "imagebatch-runner", NAMESPACE)["data"]
    assert settings["IMAGEBATCH_FETCH_ALLOW"] == "catalogue.shop.svc"


def test_extra_rules_are_added(render: Render) -> None:
    rule = {"to": [{"podSelector": {"matchLabels": {"app": "catalogue"}}}]}
    chart = render(networkPolicy={"extraEgress": [rule]})
    assert rule in _egress(chart, "imagebatch-runner")
    assert rule in _egress(chart, "imagebatch-operator")
