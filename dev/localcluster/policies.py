"""Enforce NetworkPolicies on the node: kube-router's firewall, with rules of iptables and ipset."""

from __future__ import annotations

import json
from pathlib import Path

from hosttools.command import run
from hosttools.errors import CommandFailed, MissingTool
from localcluster import pki
from localcluster.components import Component
from localcluster.gobuild import GoProgram
from localcluster.instance import SERVICE_CIDR, Instance
from localcluster.rbac import reader

COMPONENT = pki.KUBE_ROUTER.file
#: kube-router puts this chain before all other rules of FORWARD, and accepts there what policies
#: allow. It keeps the rules that it finds in the chain.
FORWARD_CHAIN = "KUBE-ROUTER-FORWARD"
_HEALTH_PORT = 20244

KUBE_ROUTER = GoProgram(
    name="kuberouter",
    title="kube-router",
    version="v2.1.0",
    sources=Path(__file__).resolve().parent.parent / "kuberouter",
    flags=("-s", "-w"),
    packages={COMPONENT: "."},
    lasts="1 to 3 minutes",
)


def refusal() -> str | None:
    """Return why this machine cannot enforce policies; None if it can.

    The packages of :mod:`localcluster.packages` must be installed.
    """
    try:
        run(["unshare", "--net", "ipset", "create", "probe", "hash:net", "timeout", "0"])
    except (CommandFailed, MissingTool) as error:
        return f"this machine cannot enforce NetworkPolicies: kube-router needs ipset: {error}"
    return None


def component(instance: Instance, programs: Path) -> Component:
    """Return kube-router as a component; ``programs`` is the folder of its binary."""
    return Component(
        COMPONENT,
        (
            f"{programs}/{COMPONENT}",
            f"--kubeconfig={instance.conf}/{COMPONENT}.kubeconfig",
            f"--hostname-override={instance.node}",
            f"--service-cluster-ip-range={SERVICE_CIDR}",
            f"--health-port={_HEALTH_PORT}",
            # They are not in the build; its health would wait for them.
            "--run-router=false",
            "--run-service-proxy=false",
        ),
        ready=f"http://127.0.0.1:{_HEALTH_PORT}/healthz",
        after=("kubelet",),
    )


def manifests() -> str:
    """Return the manifests of what kube-router may read."""
    items = reader(
        pki.KUBE_ROUTER.user,
        {"": ["namespaces", "nodes", "pods"], "networking.k8s.io": ["networkpolicies"]},
    )
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
