"""People, namespaces and rights for the tests of access, on the real API server."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from integration.gateway.driver import NAMESPACE, Cluster
from stack.places import ROOT

CHART = ROOT / "deploy" / "helm" / "imagebatch"
READ = ("get", "list")
ALL = (*READ, "create", "patch", "delete")


class People:
    """Service accounts and their rights; each account stands for a person."""

    def __init__(self, cluster: Cluster) -> None:
        self._plane = cluster.plane

    def namespace(self, name: str) -> None:
        self._plane.kubectl("create", "namespace", name)

    def token(self, name: str, namespace: str = NAMESPACE) -> str:
        """Make a service account; its token."""
        self._plane.kubectl("-n", namespace, "create", "serviceaccount", name)
        return self._plane.kubectl("-n", namespace, "create", "token", name).strip()

    def allow(
        self,
        user: str,
        namespace: str,
        *verbs: str,
        resource: str = "imagebatches.imagebatch.dev",
    ) -> str:
        """Give rights to a user; the name of their RoleBinding."""
        name = f"{user.rsplit(':', 1)[-1]}-{verbs[-1]}-{resource.split('.', maxsplit=1)[0]}"
        flags = [f"--verb={verb}" for verb in verbs]
        in_namespace = ("-n", namespace, "create")
        self._plane.kubectl(*in_namespace, "role", name, *flags, f"--resource={resource}")
        self._plane.kubectl(*in_namespace, "rolebinding", name, f"--role={name}", f"--user={user}")
        return name

    def forbid(self, binding: str, namespace: str = NAMESPACE) -> None:
        self._plane.kubectl("-n", namespace, "delete", "rolebinding", binding)

    def delete(self, name: str, namespace: str = NAMESPACE) -> None:
        self._plane.kubectl("-n", namespace, "delete", "serviceaccount", name)


def account(name: str, namespace: str = NAMESPACE) -> str:
    """The user name of a service account."""
    return f"system:serviceaccount:{namespace}:{name}"


def gateway_kubeconfig(cluster: Cluster, folder: Path, *namespaces: str) -> str:
    """A kubeconfig of the gateway's service account, with the rights that the chart gives it."""
    values = {
        "s3": {"bucket": "b"},
        "images": {"registry": "registry.example"},
        "gateway": {"namespaces": list(namespaces)},
        "auth": {"mode": "proxy", "proxy": {"secretName": "s"}},
    }
    helm = Path(sys.executable).with_name("helm")
    shown = [f"--show-only=templates/gateway-{name}.yaml" for name in ("rbac", "access")]
    rendered = subprocess.run(
        [str(helm), "template", "ib", str(CHART), "-n", NAMESPACE, "--values", "-", *shown],
        input=json.dumps(values),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    cluster.plane.kubectl("apply", "-f", "-", stdin=rendered)
    config = json.loads(cluster.plane.kubectl("config", "view", "--raw", "-o", "json"))
    token = cluster.kubectl("create", "token", "imagebatch-gateway").strip()
    config["users"][0]["user"] = {"token": token}
    path = folder / "kubeconfig"
    path.write_text(json.dumps(config))
    return str(path)
