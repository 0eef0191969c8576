"""What the chart reads from the cluster when it is installed."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
import yaml

from integration.chart.conftest import ELSEWHERE, VALUES, apply
from localcluster.controlplane import ControlPlane
from support.helm import CHARTS, HELM
from support.netpolicy import Place, passes

GATEWAY = Place("10.244.0.11", ELSEWHERE, {"app.kubernetes.io/name": "imagebatch-gateway"})


def installed(plane: ControlPlane, values: dict[str, Any]) -> list[dict[str, Any]]:
    """What Helm would install, with the answers of this cluster."""
    done = subprocess.run(
        [
            str(HELM), "install", "other", str(CHARTS / "imagebatch"), "--dry-run=server",
            f"--kubeconfig={plane.kubeconfig}", "--namespace", ELSEWHERE, "--values", "-",
        ],
        check=True, stdout=subprocess.PIPE, text=True, input=json.dumps(values),
    )  # fmt: skip
    manifest = done.stdout.partition("MANIFEST:")[2].partition("\nNOTES:")[0]
    return [one for one in yaml.load_all(manifest, Loader=yaml.CSafeLoader) if one]


@pytest.fixture
def endpoints(plane: ControlPlane) -> tuple[str, int]:
    """Of the Service ``kubernetes``, as the API server itself writes them on a node."""
    apply(
        plane,
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": "kubernetes",
                "namespace": "default",
                "labels": {"kubernetes.io/service-name": "kubernetes"},
            },
            "addressType": "IPv4",
            "endpoints": [{"addresses": ["192.0.2.7"], "conditions": {"ready": True}}],
            "ports": [{"name": "https", "port": 16443, "protocol": "TCP"}],
        },
    )
    return "192.0.2.7", 16443


def test_the_way_to_the_api_server_is_that_of_its_service_and_endpoints(
    plane: ControlPlane, endpoints: tuple[str, int]
) -> None:
    values = {"s3": {"bucket": "pictures"}, "images": VALUES["images"], "crds": {"install": False}}
    objects = installed(plane, values)
    policies = [one for one in objects if one["kind"] == "NetworkPolicy"]
    service = plane.kubectl(
        "-n", "default", "get", "service", "kubernetes", "-o", "jsonpath={.spec.clusterIP}"
    )
    address, port = endpoints
    assert passes(policies, GATEWAY, Place(address), port)
    assert passes(policies, GATEWAY, Place(service), 443)
    for elsewhere in ("192.0.2.8", "10.0.0.5", "192.168.7.7", "169.254.169.254"):
        assert not passes(policies, GATEWAY, Place(elsewhere), 6443)
        assert not passes(policies, GATEWAY, Place(elsewhere), port)
