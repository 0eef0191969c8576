"""Kueue itself, built from its Go module and installed by its own chart."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from hosttools import gobuild
from hosttools.command import run
from hosttools.progress import say
from localcluster.images import oci_archive
from stack.cluster import OwnCluster
from stack.errors import StackFailed
from stack.places import ENVIRONMENT, ROOT, helm_environment, module
from stack.stack import NAMESPACE, Stack

#: A Go module without code of its own; it says which release of Kueue is built.
_SOURCES: Final = ROOT / "dev" / "kueue"
_MODULE: Final = "sigs.k8s.io/kueue"
_SYSTEM: Final = "kueue-system"
_IMAGE: Final = "localhost/kueue"
_SECONDS: Final = 180


def install(stack: Stack) -> None:
    """Install Kueue with the defaults of its chart, and wait until it is ready."""
    tag = _load(stack)
    values = {
        "controllerManager": {
            "manager": {
                "image": {"repository": _IMAGE, "tag": tag, "pullPolicy": "Never"},
                "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
            },
            # The chart takes the initial delay as the period, too.
            "readinessProbe": {"initialDelaySeconds": 1},
        }
    }
    say("installing Kueue")
    chart = gobuild.required(_SOURCES, _MODULE) / "charts" / "kueue"
    _helm(
        stack, "upgrade", "--install", "kueue", str(chart),
        "--create-namespace", "--values", "-", "--wait", stdin=json.dumps(values),
    )  # fmt: skip


def _load(stack: Stack) -> str:
    """Load an image of Kueue's manager into the cluster, and return its tag."""
    assert isinstance(stack.cluster, OwnCluster)
    program = gobuild.program(_SOURCES, package=f"{_MODULE}/cmd/kueue")
    tag = program.name.rpartition("-")[2]
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "kueue.tar"
        files = [("manager", program.read_bytes(), 0o755)]
        archive.write_bytes(oci_archive(f"{_IMAGE}:{tag}", files, ["/manager"]))
        load = module("localcluster", "load", "--name", stack.cluster.name, str(archive))
        run(load, env=ENVIRONMENT, timeout=600)
    return tag


def uninstall(stack: Stack) -> None:
    _helm(stack, "uninstall", "kueue", "--ignore-not-found")


def queue(name: str, *, pods: int, preempts: bool = False) -> list[dict[str, Any]]:
    """Return a ClusterQueue with room for a number of pods, and a LocalQueue of the same name."""
    quotas = {"cpu": "100", "memory": "1000Gi", "pods": pods}
    preemption = {"withinClusterQueue": "LowerPriority"} if preempts else {}
    flavor = {
        "name": "any",
        "resources": [
            {"name": resource, "nominalQuota": quota} for resource, quota in quotas.items()
        ],
    }
    group = {"coveredResources": list(quotas), "flavors": [flavor]}
    return [
        resource(
            "ClusterQueue", name, namespaceSelector={}, resourceGroups=[group],
            **({"preemption": preemption} if preemption else {}),
        ),
        local_queue(name, name),
    ]  # fmt: skip


def local_queue(name: str, cluster: str) -> dict[str, Any]:
    found = resource("LocalQueue", name, clusterQueue=cluster)
    found["metadata"]["namespace"] = NAMESPACE
    return found


def priority_class(name: str, value: int) -> dict[str, Any]:
    return {**_named("WorkloadPriorityClass", name), "value": value}


def resource(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    return {**_named(kind, name), "spec": spec}


def _named(kind: str, name: str) -> dict[str, Any]:
    return {"apiVersion": "kueue.x-k8s.io/v1beta2", "kind": kind, "metadata": {"name": name}}


def _helm(stack: Stack, *words: str, stdin: str | None = None) -> None:
    helm = str(Path(sys.executable).with_name("helm"))
    done = subprocess.run(
        [helm, *words, "--namespace", _SYSTEM, "--timeout", f"{_SECONDS}s"],
        env=helm_environment(stack.kubeconfig), text=True, input=stdin, capture_output=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise StackFailed(f"helm {words[0]}: {done.stderr.strip()}")
