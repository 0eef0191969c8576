"""An operator with a Role in each of its namespaces, as by the chart, and one of them goes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from imagebatch_core.names import (
    API_VERSION,
    ENV_STORE,
    KIND,
    RUNNER_CONFIG_MAP,
    RUNNER_SERVICE_ACCOUNT,
)
from integration.operator.driver import CSV, NAMESPACE, Api, Operator, eventually

RULES = [
    {
        "apiGroups": ["imagebatch.dev"],
        "resources": ["imagebatches", "imagebatches/status"],
        "verbs": ["*"],
    },
    {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["*"]},
    {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["*"]},
    {
        "apiGroups": [""],
        "resources": ["pods", "configmaps", "events", "serviceaccounts"],
        "verbs": ["*"],
    },
]


def admit(api: Api, namespace: str) -> None:
    """What the chart renders into a namespace of its list."""
    rbac = "rbac.authorization.k8s.io"
    account = {"kind": "ServiceAccount", "name": "op", "namespace": NAMESPACE}
    role: dict[str, Any] = {"apiGroup": rbac, "kind": "Role", "name": "op"}
    metadata = {"name": "op", "namespace": namespace}
    api.apply(
        {"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": metadata, "rules": RULES},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": role,
            "subjects": [account],
        },
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": RUNNER_SERVICE_ACCOUNT, "namespace": namespace},
        },
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": RUNNER_CONFIG_MAP, "namespace": namespace},
            "data": {ENV_STORE: "s3://pictures/team"},
        },
    )


@contextmanager
def namespace(api: Api, name: str) -> Iterator[None]:
    api.plane.kubectl("create", "namespace", name)
    try:
        yield
    finally:
        api.plane.kubectl("delete", "namespace", name, "--ignore-not-found")


def kubeconfig(api: Api, folder: Path) -> Path:
    api.apply(
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "op", "namespace": NAMESPACE},
        }
    )
    config = json.loads(api.kubectl("config", "view", "--raw", "-o", "json"))
    [user] = config["users"]
    user["user"] = {"token": api.kubectl("create", "token", "op", "--duration=1h").strip()}
    path = folder / "op.kubeconfig"
    path.write_text(json.dumps(config))
    return path


def add_batch(api: Api, place: str, name: str) -> None:
    metadata = {"name": name, "namespace": place}
    spec = {"source": {"inline": CSV}}
    api.apply({"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": spec})


def jobs_of(api: Api, place: str, name: str) -> list[Any]:
    listed = api.plane.kubectl(
        "-n", place, "get", "jobs", "-l", f"imagebatch.dev/batch={name}", "-o", "json"
    )
    found: list[Any] = json.loads(listed)["items"]
    return found


def test_a_deleted_namespace_stops_neither_the_others_nor_the_next_start(
    api: Api, operators: Callable[..., Operator], tmp_path: Path
) -> None:
    with namespace(api, "press"), namespace(api, "fair"):
        for place in (NAMESPACE, "press", "fair"):
            admit(api, place)
        operator = operators(
            KUBECONFIG=str(kubeconfig(api, tmp_path)),
            IMAGEBATCH_NAMESPACES=f"press,{NAMESPACE},fair",
            IMAGEBATCH_RESYNC_SECONDS="20",
        )
        operator.start()
        for place in ("press", "fair"):
            add_batch(api, place, "before")
            eventually(lambda p=place: jobs_of(api, p, "before"), f"a Job in {place}")
        api.plane.kubectl("delete", "namespace", "press")
        add_batch(api, "fair", "meanwhile")
        eventually(lambda: jobs_of(api, "fair", "meanwhile"), "the others go on")
        eventually(lambda: operator.logged("namespace press is left out"), "left out", 150)
        add_batch(api, "fair", "after")
        eventually(lambda: jobs_of(api, "fair", "after"), "the others go on")
        assert operator.leads()
        operator.stop()
        operator.start()
        add_batch(api, "fair", "restarted")
        eventually(lambda: jobs_of(api, "fair", "restarted"), "the others go on")
        with namespace(api, "press"):
            admit(api, "press")
            add_batch(api, "press", "again")
            eventually(lambda: jobs_of(api, "press", "again"), "it is taken back", 90)
