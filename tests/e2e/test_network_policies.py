"""Connections that the chart's network policies let through and refuse, opened on the cluster.

All other end-to-end tests run with the release's policies enforced as well.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from e2e.flowfield import Field
from e2e.manifest import apply
from localcluster.choose import Cluster, choose
from localcluster.instance import API_SERVICE_IP, instance
from stack.stack import Stack
from support.flows import (
    ALWAYS,
    FROM_PROMETHEUS,
    HOME,
    METRICS_VALUES,
    OUTSIDE,
    STORE_ENDPOINT,
    TO_STORE,
    Flow,
)
from support.helm import rendered

_API = {"apiServer": {"cidrs": [f"{OUTSIDE['API server'].address}/32"]}}
_REGISTRY = {"registry": "registry.example"}


@pytest.fixture(scope="module")
def field(stack: Stack, policies_refusal: str | None) -> Iterator[Field]:
    """The pods, without any policy."""
    if policies_refusal:
        pytest.skip(policies_refusal)
    if choose().cluster is not Cluster.LOCAL:
        pytest.skip("kind's network treats addresses of the node in a way of its own")
    deployment = json.loads(stack.batches("get", "deployment", "imagebatch-operator", "-o", "json"))
    env = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    image = next(one["value"] for one in env if one["name"] == "IMAGEBATCH_RUNNER_IMAGE")
    field = Field(stack, image)
    try:
        field.create()
        yield field
    finally:
        field.delete()


def test_flows_pass_and_are_refused_as_the_table_says(stack: Stack, field: Field) -> None:
    """Without policies every connection of the table passes; with them, those that should."""
    flows = [*ALWAYS, *TO_STORE, *FROM_PROMETHEUS]
    assert field.wrong((source, to, port, True) for source, to, port, _ in flows) == []
    apply(stack, *_policies())
    assert field.wrong(flows) == []
    for part in ("operator", "gateway", "runner", "runner of shop", "sweep of shop"):
        assert field.resolve(part, "kubernetes.default.svc.cluster.local") == API_SERVICE_IP


def test_pods_of_other_namespaces_reach_no_more_of_the_release_than_they_should(
    stack: Stack, field: Field
) -> None:
    """These are the release's own pods and the cluster's own API server."""
    for name in ("operator", "gateway", "local-s3"):
        field.at(f"real {name}", _address_of(stack, f"imagebatch-{name}"))
    slices = json.loads(stack.kubectl("get", "endpointslice", "kubernetes", "-o", "json"))
    field.at("real API server", slices["endpoints"][0]["addresses"][0])
    field.at("its Service", API_SERVICE_IP)
    apply(stack, *_policies())
    flows: list[Flow] = [
        ("pod of shop", "real gateway", 8080, True),
        ("pod of shop", "real operator", 9090, False),
        ("pod of shop", "real operator", 8080, False),
        ("pod of shop", "real local-s3", 8333, True),
        ("pod of shop", "real local-s3", 9333, False),
        ("pod of shop", "real API server", 6443, True),
        ("pod of shop", "its Service", 443, True),
        ("runner of shop", "real API server", 6443, False),
        ("runner of shop", "its Service", 443, False),
        ("runner of shop", "real gateway", 8080, False),
    ]
    assert field.wrong(flows) == []


def test_what_policies_allow_still_opens_no_connection_to_the_machine(
    stack: Stack, field: Field, instance_name: str
) -> None:
    """kube-router accepts what policies allow before the node's own rules are looked at."""
    link = json.loads(instance(instance_name).plan_file.read_text())["link"]
    with socket.create_server((link["host"], 0)) as listener:
        port = listener.getsockname()[1]
        socket.create_connection(listener.getsockname(), 3).close()
        field.at("machine", link["host"])
        apply(stack, *_policies())
        assert field.wrong([("neighbour", "machine", port, False)]) == []


def _address_of(stack: Stack, name: str) -> str:
    label = f"app.kubernetes.io/name={name}"
    pods = json.loads(stack.batches("get", "pods", "-l", label, "-o", "json"))["items"]
    return str(
        next(
            pod["status"]["podIP"]
            for pod in pods
            if pod["status"]["phase"] == "Running" and "deletionTimestamp" not in pod["metadata"]
        )
    )


def _policies() -> list[dict[str, Any]]:
    """The policies of a release in one namespace and of the tenants' chart in another."""
    s3 = {"bucket": "pictures", "endpoint": STORE_ENDPOINT}
    metrics = {key: value for key, value in METRICS_VALUES.items() if key != "networkPolicy"}
    policy = {**METRICS_VALUES["networkPolicy"], **_API}
    release = {"images": _REGISTRY, "s3": s3, "networkPolicy": policy, **metrics}
    tenant = {
        "images": _REGISTRY,
        "operatorNamespace": HOME,
        "s3": {**s3, "existingSecret": "shop-s3", "publicBaseUrl": "https://cdn.example.com"},
        "networkPolicy": _API,
    }
    objects = [
        *rendered("imagebatch", HOME, release),
        *rendered("imagebatch-tenant", "shop", tenant),
    ]
    found = [one for one in objects if one["kind"] == "NetworkPolicy"]
    assert {one["metadata"]["namespace"] for one in found} == {HOME, "shop"}
    return found
