"""Network policies: who reaches what. That a network enforces them is tested where one does."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, ip_network
from typing import Any

import yaml

from imagebatch_core.addresses import refusal

from .conftest import NAMESPACE, ROOT, Rendered

Render = Callable[..., Rendered]


def _egress(chart: Rendered, name: str) -> list[dict[str, Any]]:
    policy = chart.one("NetworkPolicy", name, NAMESPACE)
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    rules: list[dict[str, Any]] = policy["spec"]["egress"]
    return rules


def _blocks(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [peer["ipBlock"] for rule in rules for peer in rule.get("to", [])]


def test_each_part_has_a_policy_and_all_can_be_switched_off(render: Render) -> None:
    found = {one["metadata"]["name"] for one in render().all("NetworkPolicy")}
    assert found == {"imagebatch-operator", "imagebatch-gateway", "imagebatch-runner"}
    assert render(networkPolicy={"enabled": False}).all("NetworkPolicy") == []


def test_no_rule_of_the_runner_leads_to_the_api_server(render: Render) -> None:
    chart = render(s3={"endpoint": "http://seaweedfs:8333"})
    ports = {
        port["port"]
        for rule in _egress(chart, "imagebatch-runner")
        if "to" not in rule
        for port in rule["ports"]
    }
    assert ports == {53, 8333}
    allowed = [ip_network(block["cidr"]) for block in _blocks(_egress(chart, "imagebatch-runner"))]
    assert allowed == [ip_network("0.0.0.0/0"), ip_network("2000::/3")]


def test_private_ranges_are_walled_off_as_the_address_guard_does(render: Render) -> None:
    (v4, _) = _blocks(_egress(render(), "imagebatch-operator"))
    for cidr in v4["except"]:
        assert refusal(str(IPv4Network(cidr)[0])) is not None
    for address in ("10.0.0.1", "169.254.169.254", "172.20.0.1", "192.168.1.1", "100.64.0.1"):
        assert any(IPv4Address(address) in IPv4Network(cidr) for cidr in v4["except"])


def test_allowed_networks_and_addresses_are_let_through(render: Render) -> None:
    chart = render(egress={"allow": ["10.1.0.0/16", "10.2.3.4", "fd00::1", "catalogue.shop.svc"]})
    for name in ("imagebatch-runner", "imagebatch-operator"):
        cidrs = [block["cidr"] for block in _blocks(_egress(chart, name))]
        assert cidrs[-3:] == ["10.1.0.0/16", "10.2.3.4/32", "fd00::1/128"]


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
