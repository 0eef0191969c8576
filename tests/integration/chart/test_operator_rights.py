"""The operator's process with the chart's rights and under its admission policy, and no others."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hosttools.ports import free_port
from imagebatch_core.job import RunnerMessage, Step, Totals
from integration.chart.conftest import ELSEWHERE, HOME, RUNNER_IMAGE, SHOP, VALUES, apply
from integration.operator.driver import CSV, Api, Operator, eventually
from localcluster.controlplane import ControlPlane
from support.helm import rendered

PLANNED = RunnerMessage(step=Step.PLAN, products=1, images=2, shards=2)
COLLECTED = RunnerMessage(step=Step.COLLECT, totals=Totals(succeeded=2))


def as_account(plane: ControlPlane, folder: Path) -> Path:
    """A kubeconfig of the operator's account."""
    config = json.loads(plane.kubectl("config", "view", "--raw", "-o", "json"))
    [user] = config["users"]
    arguments = ("-n", HOME, "create", "token", "imagebatch-operator", "--duration=1h")
    user["user"] = {"token": plane.kubectl(*arguments).strip()}
    path = folder / "operator.kubeconfig"
    path.write_text(json.dumps(config))
    return path


@pytest.fixture
def operator(plane: ControlPlane, tmp_path: Path) -> Iterator[Operator]:
    port = free_port()
    environment = {
        "KUBECONFIG": str(as_account(plane, tmp_path)),
        "IMAGEBATCH_RUNNER_IMAGE": RUNNER_IMAGE,
        "IMAGEBATCH_FETCH_CREDENTIALS_SECRET": "image-hosts",
        "IMAGEBATCH_LEASE_NAMESPACE": HOME,
        "IMAGEBATCH_HEALTH_PORT": str(port),
    }
    operator = Operator(environment, port, tmp_path / "operator.log")
    operator.start()
    yield operator
    operator.stop()
    operator.check_log()


def add_batch(plane: ControlPlane, namespace: str, name: str, **spec: Any) -> None:
    apply(
        plane,
        {
            "apiVersion": "imagebatch.dev/v1alpha1",
            "kind": "ImageBatch",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"source": {"inline": CSV}, **spec},
        },
    )


def accepted(plane: ControlPlane, namespace: str, name: str) -> dict[str, Any]:
    found = json.loads(plane.kubectl("-n", namespace, "get", "imagebatch", name, "-o", "json"))
    conditions = found.get("status", {}).get("conditions", [])
    return next((one for one in conditions if one["type"] == "Accepted"), {})


def jobs(plane: ControlPlane, namespace: str) -> list[Any]:
    items: list[Any] = json.loads(plane.kubectl("-n", namespace, "get", "jobs", "-o", "json"))[
        "items"
    ]
    return items


def test_a_batch_goes_its_whole_way_with_the_rights_of_the_chart(
    plane: ControlPlane, operator: Operator
) -> None:
    api = Api(plane)
    assert api.plane is plane
    add_batch(plane, SHOP, "whole", parallelism=1, ttlSecondsAfterFinished=3)
    api.finish_pods(api.job("whole", "plan")["metadata"]["name"], PLANNED)
    shards = api.job("whole", "compress-0")["metadata"]["name"]
    api.patch("whole", suspend=True)
    eventually(lambda: api.get("job", shards)["spec"].get("suspend"), "suspended")
    api.patch("whole", suspend=False, parallelism=2)
    eventually(lambda: api.get("job", shards)["spec"]["parallelism"] == 2, "more at once")
    api.finish_pods(shards, count=2)
    api.finish_pods(api.job("whole", "collect")["metadata"]["name"], COLLECTED)
    eventually(lambda: "whole" not in api.kubectl("get", "imagebatches"), "deleted by its TTL")
    reasons = {event["reason"] for event in api.events("whole")}
    assert "Completed" in " ".join(reasons), reasons
    assert not operator.logged("not written")
    assert not operator.logged("forbidden")


def test_where_nothing_is_set_up_a_batch_is_told_so_and_goes_on_once_it_is(
    plane: ControlPlane, operator: Operator
) -> None:
    add_batch(plane, ELSEWHERE, "told")

    def refusal() -> str:
        found = accepted(plane, ELSEWHERE, "told")
        return str(found["message"]) if found.get("reason") == "StorageNotConfigured" else ""

    assert "install the chart imagebatch-tenant there, or add the namespace" in eventually(
        refusal, "refused"
    )
    add_batch(plane, SHOP, "beside")
    eventually(lambda: accepted(plane, SHOP, "beside").get("status") == "True", "others go on")
    more = {ELSEWHERE: {"secretName": "elsewhere-s3"}}
    values = {
        **VALUES,
        "runner": {**VALUES["runner"], "namespaces": [SHOP, ELSEWHERE]},
        "s3": {**VALUES["s3"], "credentials": {**VALUES["s3"]["credentials"], **more}},
    }
    apply(plane, *rendered("imagebatch", HOME, values))
    try:
        eventually(lambda: jobs(plane, ELSEWHERE), "a Job", 120)
        eventually(lambda: operator.logged("jobs of namespace elsewhere can be read"), "watched")
    finally:
        gone: Callable[..., str] = plane.kubectl
        gone("-n", ELSEWHERE, "delete", "imagebatch", "told")
        gone("-n", SHOP, "delete", "imagebatch", "beside")
        for kind in ("rolebinding", "role"):
            gone("-n", ELSEWHERE, "delete", kind, "imagebatch-operator")


TENANT: dict[str, Any] = {
    "operatorNamespace": HOME,
    "images": {"registry": "registry.example", "tag": "1"},
    "s3": {
        "bucket": "pictures",
        "existingSecret": "mine",
        "publicBaseUrl": "https://cdn.example.com",
    },
    "quota": {"count/jobs.batch": "5"},
    "limits": {"imagesPerShard": {"to": 100}},
}


def test_the_owner_of_a_namespace_joins_and_leaves_without_the_release(
    plane: ControlPlane, operator: Operator
) -> None:
    plane.kubectl("create", "namespace", "tenant")
    owner = (
        "-n",
        "tenant",
        "create",
        "rolebinding",
        "owner",
        "--clusterrole=admin",
        "--user=owner",
    )
    plane.kubectl(*owner)
    listed = {
        "apiVersion": "v1",
        "kind": "List",
        "items": rendered("imagebatch-tenant", "tenant", TENANT),
    }
    items = [one for one in listed["items"] if one["kind"] != "ResourceQuota"]
    # Who administers a namespace holds all that the Role hands on. Quotas are for the cluster's.
    plane.kubectl("--as=owner", "apply", "-f", "-", stdin=json.dumps({**listed, "items": items}))
    plane.kubectl("apply", "-f", "-", stdin=json.dumps(listed))
    add_batch(plane, "tenant", "first")
    (job,) = eventually(lambda: jobs(plane, "tenant"), "a Job")
    env = job["spec"]["template"]["spec"]["containers"][0]["env"]
    references = [one["valueFrom"]["secretKeyRef"]["name"] for one in env if "AWS" in one["name"]]
    assert references == ["mine", "mine"]
    add_batch(plane, "tenant", "greedy", imagesPerShard=101)
    eventually(lambda: accepted(plane, "tenant", "greedy").get("reason") == "LimitExceeded", "told")
    plane.kubectl("--as=owner", "-n", "tenant", "delete", "rolebinding", "imagebatch-operator")
    add_batch(plane, "tenant", "later")
    eventually(
        lambda: accepted(plane, "tenant", "later").get("reason") == "StorageNotConfigured", "told"
    )
    plane.kubectl("delete", "namespace", "tenant")
    add_batch(plane, SHOP, "unharmed")
    eventually(lambda: accepted(plane, SHOP, "unharmed").get("status") == "True", "others go on")
    plane.kubectl("-n", SHOP, "delete", "imagebatch", "unharmed")
