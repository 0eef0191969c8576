"""Lists and changes against a real API server, as the service account that the chart makes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from integration.gateway.conftest import GatewayMaker
from integration.gateway.driver import NAMESPACE, Cluster

INLINE = "S. No.,Product Name,Input Image Urls\n1,Mug,http://a.example/b.jpg\n"
RBAC = Path(__file__).parents[3] / "deploy/helm/imagebatch/templates/gateway-rbac.yaml"


def verbs_of_the_chart() -> list[str]:
    (line,) = [line for line in RBAC.read_text().splitlines() if line.strip().startswith("verbs:")]
    found: list[str] = yaml.safe_load(line)["verbs"]
    return found


@pytest.fixture(scope="module")
def entitled(
    make_gateway: GatewayMaker, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """Calls a gateway that may do what the chart's Role says, and nothing else."""
    cluster.kubectl("create", "serviceaccount", "gateway")
    verbs = [f"--verb={verb}" for verb in verbs_of_the_chart()]
    cluster.kubectl("create", "role", "gateway", *verbs, "--resource=imagebatches.imagebatch.dev")
    account = f"--serviceaccount={NAMESPACE}:gateway"
    cluster.kubectl("create", "rolebinding", "gateway", "--role=gateway", account)
    config = json.loads(cluster.plane.kubectl("config", "view", "--raw", "-o", "json"))
    token = cluster.kubectl("create", "token", "gateway").strip()
    config["users"][0]["user"] = {"token": token}
    path = tmp_path_factory.mktemp("gateway") / "kubeconfig"
    path.write_text(json.dumps(config))
    gateway = make_gateway(KUBECONFIG=str(path))
    gateway.start()
    with httpx.Client(base_url=gateway.url, timeout=60) as client:
        yield client


def names(http: httpx.Client, query: str = "") -> list[str]:
    answer = http.get(f"/api/requests{query}")
    assert answer.status_code == 200, answer.text
    return [item["requestId"] for item in answer.json()["items"]]


def soon(http: httpx.Client, query: str, expected: list[str]) -> None:
    end = time.monotonic() + 10
    while (found := names(http, query)) != expected and time.monotonic() < end:
        time.sleep(0.05)
    assert found == expected


def test_the_list_follows_what_is_made_changed_and_deleted_with_kubectl(
    entitled: httpx.Client, cluster: Cluster
) -> None:
    assert names(entitled, "?q=list-") == []
    cluster.apply("list-a", source={"inline": INLINE})
    time.sleep(1.1)  # times of creation have whole seconds
    cluster.apply("list-b", source={"inline": INLINE})
    soon(entitled, "?q=list-", ["list-b", "list-a"])

    cluster.set_status("list-a", phase="Completed", products=1)
    soon(entitled, "?q=list-&status=completed", ["list-a"])
    cluster.kubectl("delete", "ib", "list-b")
    soon(entitled, "?q=list-", ["list-a"])


def test_a_request_is_made_changed_and_deleted(entitled: httpx.Client, cluster: Cluster) -> None:
    made = entitled.post("/api/requests", json={"name": "Mugs", "source": {"inline": INLINE}})
    assert made.status_code == 200, made.text
    name = made.json()["requestId"]
    assert names(entitled, "?q=mugs") == [name]

    call = f"/api/requests/{name}"
    assert entitled.patch(call, json={"suspend": True, "parallelism": 9}).status_code == 200
    spec = cluster.get(name)["spec"]
    assert (spec["suspend"], spec["parallelism"]) == (True, 9)
    assert entitled.patch(call, json={"suspend": None}).json()["suspend"] is False
    assert entitled.patch(call, json={"cancel": True}).status_code == 200
    back = entitled.patch(call, json={"cancel": False})
    assert back.status_code == 422
    assert "cannot be taken back" in back.json()["message"]

    cluster.set_status(name, phase="Cancelled")
    assert entitled.patch(call, json={"parallelism": 3}).status_code == 409
    assert entitled.delete(call).status_code == 204
    assert entitled.get(call).status_code == 404
    soon(entitled, "?q=mugs", [])


def test_a_retry_is_a_resource_that_the_api_server_takes(
    entitled: httpx.Client, cluster: Cluster
) -> None:
    made = entitled.post(
        "/api/requests", json={"source": {"inline": INLINE}, "output": {"quality": 60}}
    ).json()["requestId"]
    path = f"/api/requests/{made}/retry"
    assert entitled.post(path).status_code == 409
    status = {
        "phase": "Completed",
        "shards": {"total": 1, "done": 1},
        "images": {"total": 1, "done": 1, "succeeded": 0, "failed": 1},
    }
    patch = json.dumps({"status": status})
    cluster.kubectl(
        "patch", "imagebatch", made, "--subresource=status", "--type=merge", "-p", patch
    )
    answer = entitled.post(path, json={"only": "retryable"})
    assert answer.status_code == 200, answer.text
    retry = answer.json()["requestId"]
    found = json.loads(cluster.kubectl("get", "imagebatch", retry, "-o", "json"))
    assert found["spec"]["source"] == {"retryOf": {"name": made, "only": "retryable"}}
    assert found["spec"]["output"]["quality"] == 50, "the default; the runner inherits 60"
