"""Who may call the gateway, as the chart sets it up."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from imagebatch_core import names
from imagebatch_gateway.access.sessions import Sessions
from imagebatch_gateway.settings import Settings

from .conftest import NAMESPACE, Rendered

Render = Callable[..., Rendered]
SECRET = "IMAGEBATCH_AUTH_PROXY_SECRET"


def secrets_read_by(chart: Rendered) -> dict[str, dict[str, str]]:
    pod = chart.one("Deployment", "imagebatch-gateway")["spec"]["template"]["spec"]
    env = pod["containers"][0]["env"]
    return {one["name"]: one["valueFrom"]["secretKeyRef"] for one in env if "valueFrom" in one}


def test_the_gateway_accepts_its_settings_of_access(render: Render) -> None:
    auth = {"mode": "proxy", "admins": ["root", "group:ops"], "images": True}
    proxy = {"secretName": "from-proxy", "userHeader": "X-User", "groupsHeader": "X-Groups"}
    gateway = {
        "namespaces": ["bakery", NAMESPACE],
        "hosts": ["inside.example"],
        "trustedProxies": ["10.0.0.0/8", "::1"],
        "externalUrl": "https://images.example",
        "ingress": {"enabled": True, "host": "other.example"},
    }
    chart = render(auth={**auth, "proxy": proxy, "sessionSeconds": 600}, gateway=gateway)
    settings = Settings.from_env(chart.env("imagebatch-gateway"))

    assert (settings.auth_mode, settings.auth_admins) == ("proxy", ("root", "group:ops"))
    assert settings.auth_images
    assert settings.gateway_namespaces == ("bakery",)
    assert settings.gateway_hosts == ("inside.example", "other.example")
    assert [str(one) for one in settings.trusted_proxies] == ["10.0.0.0/8", "::1/128"]
    assert settings.auth_session_seconds == 600
    assert (settings.auth_proxy_user_header, settings.auth_proxy_groups_header) == (
        "X-User",
        "X-Groups",
    )
    assert secrets_read_by(chart)[SECRET] == {"name": "from-proxy", "key": "secret"}


def test_the_defaults_of_the_chart_are_those_of_the_gateway(render: Render) -> None:
    settings = Settings.from_env(render().env("imagebatch-gateway"))
    for name, field in Settings.model_fields.items():
        if name.startswith("auth_"):
            assert getattr(settings, name) == field.default, name


@pytest.mark.parametrize("mode", ["none", "kubernetes", "proxy"])
def test_reviews_of_others_are_a_right_of_the_mode_proxy_alone(render: Render, mode: str) -> None:
    chart = render(auth={"mode": mode, "proxy": {"secretName": "from-proxy"}})
    rules = [rule for role in chart.all("ClusterRole") for rule in role["rules"]]
    reviews = [rule for rule in rules if "subjectaccessreviews" in rule["resources"]]

    assert bool(reviews) == (mode == "proxy")
    assert (SECRET in secrets_read_by(chart)) == (mode == "proxy")
    bound = {one["roleRef"]["name"] for one in chart.all("ClusterRoleBinding")}
    assert (f"imagebatch-gateway-reviews-{NAMESPACE}" in bound) == (mode == "proxy")


def test_the_gateway_reads_one_secret_and_no_other(render: Render) -> None:
    chart = render(gateway={"namespaces": ["bakery"]})
    rules: list[dict[str, Any]] = []
    for kind in ("RoleBinding", "ClusterRoleBinding"):
        for binding in chart.all(kind):
            if {s["name"] for s in binding["subjects"]} == {"imagebatch-gateway"}:
                role = binding["roleRef"]
                rules += chart.one(
                    role["kind"], role["name"], binding["metadata"].get("namespace")
                )["rules"]

    (secrets,) = [rule for rule in rules if "secrets" in rule["resources"]]
    assert secrets["resourceNames"] == [names.API_KEYS_SECRET]
    assert secrets["verbs"] == ["get", "patch"]
    secret = chart.one("Secret", names.API_KEYS_SECRET, NAMESPACE)
    assert "data" not in secret
    assert secret["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_sessions_are_encrypted_by_a_secret_that_the_chart_makes_unless_one_is_named(
    render: Render,
) -> None:
    chart = render()
    read = {"name": "imagebatch-sessions", "key": "keys"}
    assert secrets_read_by(chart)["IMAGEBATCH_AUTH_SESSION_KEYS"] == read
    secret = chart.one("Secret", "imagebatch-sessions", NAMESPACE)
    keys = base64.b64decode(secret["data"]["keys"]).decode()
    settings = Settings(store="memory://", namespace=NAMESPACE, auth_session_keys=keys)
    Sessions(settings, lambda: datetime.now(UTC))
    assert secret["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"

    chart = render(auth={"sessionSecret": "ours"})
    assert secrets_read_by(chart)["IMAGEBATCH_AUTH_SESSION_KEYS"]["name"] == "ours"
    assert "imagebatch-sessions" not in {one["metadata"]["name"] for one in chart.all("Secret")}


def test_the_gateway_has_a_role_in_each_of_its_namespaces(render: Render) -> None:
    chart = render(gateway={"namespaces": ["bakery"]})
    for namespace in (NAMESPACE, "bakery"):
        chart.one("Role", "imagebatch-gateway", namespace)
        binding = chart.one("RoleBinding", "imagebatch-gateway", namespace)
        assert binding["subjects"][0]["namespace"] == NAMESPACE


def test_an_ingress_without_sign_in_must_be_asked_for_twice(render: Render) -> None:
    ingress = {"ingress": {"enabled": True, "host": "images.example"}}
    chart = render(auth={"allowAnonymousIngress": True}, gateway=ingress)
    assert chart.all("Ingress")
    assert render(auth={"mode": "kubernetes"}, gateway=ingress).all("Ingress")


@pytest.mark.parametrize(
    ("tls", "expected"), [("", "http://images.example"), ("cert", "https://images.example")]
)
def test_links_come_from_the_ingress_when_no_address_is_given(
    render: Render, tls: str, expected: str
) -> None:
    ingress = {"enabled": True, "host": "images.example", "tlsSecret": tls}
    chart = render(auth={"mode": "kubernetes"}, gateway={"ingress": ingress})
    env = chart.env("imagebatch-gateway")

    assert Settings.from_env(env).gateway_url == expected
    data = chart.one("ConfigMap", names.RUNNER_CONFIG_MAP)["data"]
    assert data["IMAGEBATCH_PUBLIC_BASE_URL"] == f"{expected}/files"
    assert env["IMAGEBATCH_PUBLIC_BASE_URL"] == f"{expected}/files"


def test_limits_and_metrics_are_those_of_the_gateway(render: Render) -> None:
    default = Settings.from_env(render().env("imagebatch-gateway"))
    fields = Settings.model_fields
    names_ = (
        "uploads_per_minute",
        "upload_bytes_per_minute",
        "reads_per_minute",
        "event_streams_per_caller",
        "event_streams",
        "metrics_port",
    )
    for name in (*names_, "uploads_under_way", "upload_bytes_under_way"):
        assert getattr(default, name) == fields[name].default
    limits = {"uploadsPerMinute": 1, "uploadBytesPerMinute": 10**12, "readsPerMinute": 0}
    limits |= {"eventStreamsPerCaller": 2, "eventStreams": 3}
    peers = [{"podSelector": {"matchLabels": {"app": "prometheus"}}}]
    chart = render(
        gateway={"limits": limits, "metricsPort": 9191},
        networkPolicy={"gateway": {"metricsFrom": peers}},
    )
    settings = Settings.from_env(chart.env("imagebatch-gateway"))
    assert [getattr(settings, name) for name in names_] == [1, 10**12, 0, 2, 3, 9191]
    (http, metrics) = chart.one("NetworkPolicy", "imagebatch-gateway")["spec"]["ingress"]
    assert http["ports"][0]["port"] == 8080
    assert metrics == {"ports": [{"protocol": "TCP", "port": 9191}], "from": peers}
    service = chart.one("Service", "imagebatch-gateway")["spec"]["ports"]
    assert [port["name"] for port in service] == ["http"]


def test_the_gateway_knows_which_addresses_are_fetched(render: Render) -> None:
    chart = render(egress={"allow": ["10.0.0.0/8"], "deny": ["198.51.100.0/24"]})
    own, operators = (chart.env(f"imagebatch-{name}") for name in ("gateway", "operator"))
    fetch = [name for name in operators if name.startswith("IMAGEBATCH_FETCH_")]
    assert {name: own[name] for name in fetch} == {name: operators[name] for name in fetch}
    assert Settings.from_env(own).egress_rules.refusal("h", "10.0.0.1") is None
