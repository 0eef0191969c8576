"""Claims about scraping the operator: on a port of its own, for the peers that the values name."""

from __future__ import annotations

from collections.abc import Callable

from imagebatch_operator.settings import Settings

from .conftest import NAMESPACE, Rendered

Render = Callable[..., Rendered]
PEERS = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]


def test_the_operator_serves_metrics_at_the_port_that_the_service_names(render: Render) -> None:
    chart = render()
    pod = chart.one("Deployment", "imagebatch-operator")["spec"]["template"]
    ports = {port["name"]: port["containerPort"] for port in pod["spec"]["containers"][0]["ports"]}
    settings = Settings.from_env(chart.env("imagebatch-operator"))
    assert settings.metrics_port == ports["metrics"]
    assert settings.metrics_port != settings.health_port
    service = chart.one("Service", "imagebatch-operator-metrics")["spec"]
    assert service["clusterIP"] == "None"
    assert service["ports"] == [{"name": "metrics", "port": 9090, "targetPort": "metrics"}]
    assert service["selector"].items() <= pod["metadata"]["labels"].items()


def test_nobody_may_scrape_who_is_not_named(render: Render) -> None:
    assert render().one("NetworkPolicy", "imagebatch-operator")["spec"]["ingress"] == []
    opened = render(metrics={"from": PEERS}).one("NetworkPolicy", "imagebatch-operator")["spec"]
    assert opened["ingress"] == [{"ports": [{"protocol": "TCP", "port": 9090}], "from": PEERS}]


def test_a_service_monitor_is_made_only_on_request(render: Render) -> None:
    assert render().all("ServiceMonitor") == []
    values = {"serviceMonitor": {"enabled": True, "labels": {"release": "prom"}, "interval": "1m"}}
    chart = render(metrics=values)
    monitor = chart.one("ServiceMonitor", "imagebatch-operator")
    assert monitor["metadata"]["labels"]["release"] == "prom"
    spec = monitor["spec"]
    assert spec["namespaceSelector"] == {"matchNames": [NAMESPACE]}
    assert spec["endpoints"] == [{"port": "metrics", "path": "/metrics", "interval": "1m"}]
    service = chart.one("Service", "imagebatch-operator-metrics")["metadata"]["labels"]
    assert spec["selector"]["matchLabels"].items() <= service.items()
    gateway = chart.one("Service", "imagebatch-gateway")["metadata"]["labels"]
    assert not spec["selector"]["matchLabels"].items() <= gateway.items()
