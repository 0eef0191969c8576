"""Places in and around a cluster, and the connections between them that the chart's policies let
through and refuse.

The unit tests evaluate rendered policies for them; the end-to-end tests open them on a cluster.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from support.netpolicy import Place

#: Source, destination, TCP port, and whether a connection passes.
Flow = tuple[str, str, int, bool]

#: The namespace of the release. Another one, ``shop``, is one of its tenants.
HOME = "home"
_NAME = "app.kubernetes.io/name"


def _part(name: str, address: str, namespace: str = HOME) -> Place:
    return Place(address, namespace, {_NAME: f"imagebatch-{name}"})


PODS: Mapping[str, Place] = {
    "operator": _part("operator", "10.244.0.10"),
    "gateway": _part("gateway", "10.244.0.11"),
    "runner": _part("runner", "10.244.0.12"),
    "sweep": _part("sweep", "10.244.0.22"),
    "runner of shop": _part("runner", "10.244.0.13", "shop"),
    "sweep of shop": _part("sweep", "10.244.0.21", "shop"),
    "local store": _part("local-s3", "10.244.0.14"),
    "store": Place("10.244.0.15", "storage", {"app": "minio"}),
    "neighbour": Place("10.244.0.16", HOME, {"app": "neighbour"}),
    "pod of shop": Place("10.244.0.17", "shop", {"app": "shop"}),
    "database": Place("10.244.0.18", "data", {"app": "postgres"}),
    "prometheus": Place("10.244.0.19", "monitoring", {"app": "prometheus"}),
}
OUTSIDE: Mapping[str, Place] = {
    "API server": Place("10.0.0.2"),
    "metadata": Place("169.254.169.254"),
    "metadata of Azure": Place("168.63.129.16"),
    "node": Place("192.168.7.7"),
    "public host": Place("93.184.216.34"),
}
PARTS = ("operator", "gateway", "runner", "sweep", "runner of shop", "sweep of shop")
#: What holds whatever the values are.
ALWAYS: list[Flow] = [
    *((part, "metadata", 80, False) for part in PARTS),
    *((part, "metadata of Azure", 80, False) for part in PARTS),
    *((part, "database", 5432, False) for part in PARTS),
    *((part, "node", 10250, False) for part in PARTS),
    *((part, "neighbour", 8000, False) for part in PARTS),
    *(
        ("neighbour", part, port, False)
        for part in ("operator", "runner", "sweep")
        for port in (80, 8080, 9090)
    ),
    *(
        ("pod of shop", part, port, False)
        for part in ("runner of shop", "sweep of shop", "operator", "runner")
        for port in (80, 9090)
    ),
    ("operator", "API server", 6443, True),
    ("gateway", "API server", 6443, True),
    ("sweep", "API server", 6443, True),
    ("sweep of shop", "API server", 6443, True),
    ("sweep of shop", "public host", 80, False),
    ("runner", "API server", 6443, False),
    ("runner of shop", "API server", 6443, False),
    ("runner of shop", "pod of shop", 8000, False),
    ("runner of shop", "runner", 8000, False),
    ("runner", "public host", 443, True),
    ("runner of shop", "public host", 443, True),
    ("operator", "public host", 443, True),
    ("gateway", "public host", 80, False),
    ("runner", "gateway", 9999, False),
    ("runner", "operator", 8080, False),
    ("neighbour", "gateway", 8080, True),
    ("neighbour", "gateway", 9090, False),
]
#: What holds where the store is the Service ``minio`` of the namespace ``storage``.
STORE_ENDPOINT = "http://minio.storage.svc:80"
TO_STORE: list[Flow] = [
    ("gateway", "store", 9000, True),
    ("runner", "store", 9000, True),
    ("sweep", "store", 9000, True),
    ("runner of shop", "store", 9000, True),
    ("sweep of shop", "store", 9000, True),
    ("operator", "store", 9000, False),
    ("gateway", "public host", 443, False),
]
#: Values with which the namespace ``monitoring`` may read metrics, and what they change.
_MONITORING = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
METRICS_VALUES: Mapping[str, Any] = {
    "metrics": {"from": [_MONITORING]},
    "gateway": {"metricsPort": 9090},
    "networkPolicy": {"gateway": {"metricsFrom": [_MONITORING]}},
}
FROM_PROMETHEUS: list[Flow] = [
    ("prometheus", "operator", 9090, True),
    ("prometheus", "gateway", 9090, True),
    ("prometheus", "operator", 8080, False),
    ("prometheus", "runner", 9090, False),
    ("database", "operator", 9090, False),
    ("database", "gateway", 9090, False),
]
