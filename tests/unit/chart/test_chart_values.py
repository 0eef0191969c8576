"""The values: closed, complete, and refused with a reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from imagebatch_core.egress_rules import EgressRules
from stack import release

from .conftest import CHART, NAMESPACE, HelmFailed, Rendered, Values

Render = Callable[..., Rendered]


_MISSPELLED: list[Values] = [
    {"gatewey": {}},
    {"s3": {"bucket": "b", "endpont": ""}},
    {"egress": {"allowed": []}},
    {"gateway": {"service": {"nodeport": 30080}}},
    {"runner": {"settings": {"fetchPerHosts": 3}}},
    {"operator": {"resources": {"request": {}}}},
    {"networkPolicy": {"apiServer": {"port": 443}}},
    {"auth": {"proxy": {"secret": "s"}}},
]


@pytest.mark.parametrize("values", _MISSPELLED, ids=json.dumps)
def test_a_misspelled_key_fails_lint(lint: Callable[[Values], str], values: Values) -> None:
    with pytest.raises(HelmFailed, match="Additional property"):
        lint({"s3": {"bucket": "b"}, **values})


@pytest.mark.parametrize(
    "values",
    [
        {"s3": {"bucket": "b", "endpoint": "seaweedfs:8333"}},
        {"s3": {"bucket": "b", "prefix": "p" * 513}},
        {"egress": {"allow": ["one,two"]}},
        {"runner": {"settings": {"storagePatienceSeconds": 1e10}}},
        {"runner": {"settings": {"fetchRedirects": 21}}},
        {"gateway": {"service": {"type": "Nodeport"}}},
        {"namespaces": ["Not_A_Namespace"]},
        {"runner": {"resources": {"limits": {"memory": "lots"}}}},
        {"gateway": {"scratchSize": "5 GB"}},
        {"networkPolicy": {"apiServer": {"cidrs": ["10.0.0.1"]}}},
    ],
    ids=json.dumps,
)
def test_a_value_of_the_wrong_form_fails_lint(
    lint: Callable[[Values], str], values: Values
) -> None:
    with pytest.raises(HelmFailed):
        lint({"s3": {"bucket": "b"}, **values})


def test_the_chart_passes_lint_with_a_bucket(lint: Callable[[Values], str]) -> None:
    lint({"s3": {"bucket": "b"}})


def test_the_local_values_pass_lint(lint: Callable[[Values], str]) -> None:
    lint(yaml.safe_load(release.VALUES.read_text()))


def test_every_object_of_the_schema_is_closed() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    free = {
        path
        for path, node in _objects(schema, "")
        if node.get("properties") and node.get("additionalProperties") is not False
    }
    assert free == set()


def test_every_default_is_in_the_schema_and_every_key_has_a_default() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    optional = {".global", ".runner.settings"}
    in_schema = {path for path, _ in _keys(schema, "") if not path.startswith(tuple(optional))}
    # Below these the keys are the user's own, or Kubernetes's.
    in_values = {path for path, _ in _leaves(values, "")}
    missing = {
        path
        for path in in_schema
        if not any(found == path or found.startswith(f"{path}.") for found in in_values)
        and not path.endswith((".requests", ".limits"))
    }
    assert missing == set()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"s3": {"bucket": ""}}, "s3.bucket is required"),
        ({"s3": {"bucket": "b", "accessKeyId": "id"}}, "set both or none"),
        (
            {"s3": {"existingSecret": "ours", "accessKeyId": "id", "secretAccessKey": "key"}},
            "the key pair would be ignored",
        ),
        ({"gateway": {"enabled": False}}, "set s3.publicBaseUrl"),
        (
            {"auth": {"mode": "kubernetes"}, "gateway": {"ingress": {"enabled": True}}},
            "gateway.ingress.host is required",
        ),
        (
            {"gateway": {"ingress": {"enabled": True, "host": "images.example"}}},
            "lets everybody who reaches the Ingress do everything",
        ),
        ({"auth": {"mode": "proxy"}}, "auth.mode proxy needs auth.proxy.secretName"),
        ({"egress": {"allow": ["http://shop"]}}, "http://shop.* is no host name, address or CIDR"),
        ({"egress": {"allow": ["*.shop"]}}, "no port, scheme or wildcard"),
        ({"egress": {"allow": ["10.0.0.0/33"]}}, "10.0.0.0/33.* is no host name"),
        ({"egress": {"allow": ["localhost"]}}, "no name opens loopback: allow 127.0.0.0/8"),
        (
            {"egress": {"s3Allow": ["pictures/shop"]}},
            "pictures/shop.* names s3.bucket, the release's own bucket",
        ),
        (
            {
                "egress": {"s3Allow": ["{namespace}-own"]},
                "s3": {"bucket": "shop-own"},
                "namespaces": ["shop"],
            },
            "names s3.bucket",
        ),
        ({"limits": {"imagesPerShard": {"from": 9, "to": 5}}}, "from 9 is more than to 5"),
        ({"limits": {"paralelism": 5}}, "paralelism is not allowed"),
        ({"sourcePrefixes": {"shop": [""]}}, r"sourcePrefixes\.shop\.0: Does not match"),
        ({"sourcePrefixes": {"shop": ["/"]}}, r"sourcePrefixes\.shop\.0: Does not match"),
        ({"egress": {"deny": ["shop.example"]}}, r"egress\.deny\.0: Does not match"),
        ({"egress": {"nat64": ["64:ff9b::"]}}, r"egress\.nat64\.0: Does not match"),
    ],
)
def test_what_is_missing_is_said(render: Render, values: Values, message: str) -> None:
    with pytest.raises(HelmFailed, match=message):
        render(**values)


@pytest.mark.parametrize(
    "entry", ["catalogue.shop.svc", "my_host.", "10.0.0.1", "10.0.0.0/8", "fd00::/8", "::1"]
)
def test_what_the_address_guard_takes_the_chart_takes(render: Render, entry: str) -> None:
    assert EgressRules.parse(entry) != EgressRules()
    chart = render(egress={"allow": [entry]})
    assert chart.env("imagebatch-operator")["IMAGEBATCH_FETCH_ALLOW"] == entry


@pytest.mark.parametrize("quantity", ["2Gi", "500m", "1.5", "0.5Gi", "1e3", 2, 0.5])
def test_every_spelling_of_a_quantity_passes_lint(
    lint: Callable[[Values], str], quantity: str | float
) -> None:
    lint({"s3": {"bucket": "b"}, "runner": {"resources": {"limits": {"memory": quantity}}}})


def _objects(node: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if node.get("type") == "object":
        yield path, node
    for name, child in node.get("properties", {}).items():
        yield from _objects(child, f"{path}.{name}")


def _keys(node: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, child in node.get("properties", {}).items():
        yield f"{path}.{name}", child
        yield from _keys(child, f"{path}.{name}")


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    yield path, value
    if isinstance(value, dict):
        for name, child in value.items():
            yield from _leaves(child, f"{path}.{name}")


def test_lists_that_are_left_empty_count_as_empty(render: Render) -> None:
    chart = render(namespaces=None, runner={"namespaces": None})
    assert chart.all("ClusterRole")
    assert {one["metadata"]["namespace"] for one in chart.all("ConfigMap")} == {NAMESPACE}
