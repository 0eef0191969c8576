"""Which connections the rendered network policies let through, and which not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from support.flows import (
    ALWAYS,
    FROM_PROMETHEUS,
    HOME,
    METRICS_VALUES,
    OUTSIDE,
    PARTS,
    PODS,
    STORE_ENDPOINT,
    TO_STORE,
    Flow,
)
from support.netpolicy import Place, passes

from .conftest import NAMESPACE, Rendered

Render = Callable[..., Rendered]
PLACES = {
    **PODS,
    **OUTSIDE,
    "dns": Place("10.244.0.20", "kube-system", {"k8s-app": "kube-dns"}),
    "public host by IPv6": Place("2606:2800:220:1::1"),
}
S3 = {"bucket": "pictures", "sharedCredentials": True}
CASES: dict[str, tuple[dict[str, Any], list[Flow]]] = {
    "AWS": (
        {"s3": S3},
        [
            ("gateway", "public host", 443, True),
            ("gateway", "store", 443, False),
            ("runner", "store", 9000, False),
            ("runner", "public host by IPv6", 80, True),
            *((part, "dns", 53, True) for part in PARTS),
            *((part, "dns", 9153, False) for part in PARTS),
        ],
    ),
    "a Service of the cluster": (
        {"s3": {**S3, "endpoint": STORE_ENDPOINT}},
        TO_STORE,
    ),
    "a Service with its domain": (
        {"s3": {**S3, "endpoint": "http://minio.storage.svc.cluster.local:9000/"}},
        [("gateway", "store", 9000, True), ("gateway", "public host", 9000, False)],
    ),
    "a Service in two words": (
        {"s3": {**S3, "endpoint": "http://minio.storage:9000"}},
        [("gateway", "store", 9000, True), ("gateway", "public host", 9000, True)],
    ),
    "a Service of the release's namespace": (
        {"s3": {**S3, "endpoint": "http://minio:9000"}},
        [("gateway", "store", 9000, False), ("gateway", "public host", 9000, False)],
    ),
    "an address": (
        {"s3": {**S3, "endpoint": "http://192.168.7.9:9000"}},
        [("gateway", "node", 9000, False), ("gateway", "public host", 9000, False)],
    ),
    "a public name": (
        {"s3": {**S3, "endpoint": "https://s3.eu.example.com"}},
        [
            ("gateway", "public host", 443, True),
            ("gateway", "store", 443, False),
            ("runner", "node", 443, False),
        ],
    ),
    "peers": (
        {
            "s3": {**S3, "endpoint": "https://s3.intern.example"},
            "networkPolicy": {
                "s3": {"to": [{"ipBlock": {"cidr": "192.168.7.7/32"}}], "ports": [9443]}
            },
        },
        [
            ("gateway", "node", 9443, True),
            ("runner", "node", 9443, True),
            ("gateway", "node", 443, False),
            ("gateway", "public host", 443, False),
        ],
    ),
    "the local store": (
        {
            "s3": {**S3, "accessKeyId": "id", "secretAccessKey": "key"},
            "localS3": {"enabled": True},
        },
        [
            ("gateway", "local store", 8333, True),
            ("runner of shop", "local store", 8333, True),
            ("gateway", "local store", 9333, False),
            ("operator", "local store", 8333, False),
            ("gateway", "store", 8333, False),
            ("local store", "public host", 443, False),
        ],
    ),
    "the API server at CIDRs": (
        {"s3": S3, "networkPolicy": {"apiServer": {"cidrs": ["10.0.0.0/28"]}}},
        [
            ("gateway", "API server", 6443, True),
            ("operator", "API server", 443, True),
            ("gateway", "node", 443, False),
            ("gateway", "pod of shop", 443, False),
        ],
    ),
    "the API server at any address": (
        {"s3": S3, "networkPolicy": {"apiServer": {"anyAddress": True}}},
        [("operator", "node", 6443, True)],
    ),
    "callers and further ways of the gateway": (
        {
            "s3": S3,
            "networkPolicy": {
                "gateway": {
                    "from": [{"podSelector": {"matchLabels": {"app": "ingress"}}}],
                    "extraEgress": [
                        {
                            "to": [
                                {
                                    "namespaceSelector": {},
                                    "podSelector": {"matchLabels": {"app": "postgres"}},
                                }
                            ],
                            "ports": [{"port": 5433}],
                        }
                    ],
                }
            },
        },
        [
            ("prometheus", "gateway", 8080, False),
            ("gateway", "database", 5433, True),
            ("runner", "database", 5433, False),
            ("operator", "database", 5433, False),
        ],
    ),
    "further ways of what strangers name": (
        {
            "s3": S3,
            "networkPolicy": {
                "extraEgress": [{"to": [{"podSelector": {"matchLabels": {"app": "shop"}}}]}]
            },
        },
        [
            ("runner of shop", "pod of shop", 80, True),
            ("runner", "pod of shop", 80, False),
            ("gateway", "pod of shop", 80, False),
        ],
    ),
    "metrics": ({"s3": S3, **METRICS_VALUES}, FROM_PROMETHEUS),
    "metrics without readers": (
        {"s3": S3, "gateway": {"metricsPort": 9090}},
        [("prometheus", part, 9090, False) for part in ("operator", "gateway", "runner", "sweep")],
    ),
    "names at one place": (
        {
            "s3": S3,
            "networkPolicy": {
                "dns": {
                    "to": [
                        {
                            "namespaceSelector": {
                                "matchLabels": {"kubernetes.io/metadata.name": "kube-system"}
                            }
                        }
                    ]
                }
            },
        },
        [("runner", "dns", 53, True), ("gateway", "node", 53, False)],
    ),
}


#: Where a case changes what else always holds.
EXCEPTIONS = {
    "a Service of the release's namespace": [
        ("gateway", "neighbour", 8000, True),
        ("runner", "neighbour", 8000, True),
        ("sweep", "neighbour", 8000, True),
        ("runner of shop", "pod of shop", 8000, True),
    ],
    "further ways of what strangers name": [("runner of shop", "pod of shop", 8000, True)],
    "callers and further ways of the gateway": [("neighbour", "gateway", 8080, False)],
}


@pytest.mark.parametrize("case", CASES)
def test_flows(render: Render, case: str) -> None:
    values, flows = CASES[case]
    policy = {"apiServer": {"cidrs": ["10.0.0.2/32"]}, **values.get("networkPolicy", {})}
    chart = render(**{"runner": {"namespaces": ["shop"]}, **values, "networkPolicy": policy})
    policies = chart.all("NetworkPolicy")
    expected = {flow[:3]: flow[3] for flow in [*ALWAYS, *flows, *EXCEPTIONS.get(case, [])]}
    found = {flow: passes(policies, PLACES[flow[0]], PLACES[flow[1]], flow[2]) for flow in expected}
    assert {flow: passing for flow, passing in found.items() if passing is not expected[flow]} == {}


def test_the_table_is_about_the_namespace_in_which_the_chart_is_rendered() -> None:
    assert HOME == NAMESPACE


def test_where_no_cluster_tells_its_address_the_api_server_may_be_anywhere_but_at_metadata(
    render: Render,
) -> None:
    policies = render(s3=S3).all("NetworkPolicy")
    for port in (443, 6443):
        assert passes(policies, PLACES["gateway"], PLACES["API server"], port)
        assert passes(policies, PLACES["gateway"], PLACES["public host"], port)
        for never in ("metadata", "metadata of Azure"):
            assert not passes(policies, PLACES["gateway"], PLACES[never], port)
            assert not passes(policies, PLACES["operator"], PLACES[never], port)


def test_without_policies_everything_passes(render: Render) -> None:
    policies = render(networkPolicy={"enabled": False}).all("NetworkPolicy")
    assert passes(policies, PLACES["runner"], PLACES["metadata"], 80)
