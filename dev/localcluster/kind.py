"""Create and use a cluster with kind, on machines with Docker."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from hosttools.cache import cache_root
from hosttools.command import run
from hosttools.errors import MissingTool
from hosttools.filelock import held
from hosttools.progress import say
from localcluster.choose import KIND_VERSION, NODE_IMAGE
from localcluster.errors import NotRunning, PortTaken
from localcluster.state import write_json

_CREATE_SECONDS = 600.0
# Pairs of host port and NodePort. kind can map ports only when it creates a cluster.
DEFAULT_PORTS = ((8080, 30080),)


def cluster_name(name: str) -> str:
    return f"imagebatch-{name}"


def config(ports: Sequence[tuple[int, int]]) -> str:
    """Return kind's configuration; ``ports`` are pairs of host port, on loopback, and node port."""
    mappings = [
        {"hostPort": host, "containerPort": node, "listenAddress": "127.0.0.1", "protocol": "TCP"}
        for host, node in ports
    ]
    return json.dumps(
        {
            "kind": "Cluster",
            "apiVersion": "kind.x-k8s.io/v1alpha4",
            "nodes": [{"role": "control-plane", "extraPortMappings": mappings}],
        }
    )


def create_command(kind: str, name: str, kubeconfig: Path) -> list[str]:
    """Return the command that creates the cluster, with its configuration on standard input.

    It writes ``kubeconfig``, and does not change the user's own kubeconfig.
    """
    return [
        kind, "create", "cluster", f"--name={cluster_name(name)}", f"--image={NODE_IMAGE}",
        f"--kubeconfig={kubeconfig}", "--config=-", "--wait=180s",
    ]  # fmt: skip


def delete_command(kind: str, name: str, kubeconfig: Path) -> list[str]:
    return [kind, "delete", "cluster", f"--name={cluster_name(name)}", f"--kubeconfig={kubeconfig}"]


def export_command(kind: str, name: str, kubeconfig: Path) -> list[str]:
    return [kind, "export", "kubeconfig", f"--name={cluster_name(name)}",
            f"--kubeconfig={kubeconfig}"]  # fmt: skip


def load_command(kind: str, name: str, archive: Path) -> list[str]:
    return [kind, "load", "image-archive", str(archive), f"--name={cluster_name(name)}"]


def program() -> str:
    """Return the path of kind, after installing it into the cache with Go if needed."""
    target = cache_root() / f"kind-{KIND_VERSION}" / "kind"
    with held(cache_root() / "kind.lock", "another installation of kind"):
        if not target.exists():
            go = shutil.which("go")
            if not go:
                raise MissingTool("Go is needed to install kind, and is not installed")
            say(f"installing kind {KIND_VERSION}")
            env = {"GOBIN": str(target.parent), "CGO_ENABLED": "0"}
            run([go, "install", f"sigs.k8s.io/kind@{KIND_VERSION}"], env=env, timeout=None)
    return str(target)


def _own_kubeconfig(name: str) -> Path:
    return cache_root() / "kind-state" / name / "kubeconfig"


def _ports_file(name: str) -> Path:
    return cache_root() / "kind-state" / name / "ports.json"


def known(name: str) -> bool:
    """Return whether ``up`` made a kind cluster of this name on this machine."""
    return _own_kubeconfig(name).exists()


def exists(kind: str, name: str) -> bool:
    return cluster_name(name) in run([kind, "get", "clusters"]).split()


def up(name: str, kubeconfig: Path | None, ports: Sequence[tuple[int, int]] = ()) -> None:
    """Create the cluster if it does not exist. Its port mappings cannot be changed later.

    ``kubeconfig`` is a file to write the administrator's kubeconfig to.
    """
    kind = program()
    own = _own_kubeconfig(name)
    own.parent.mkdir(parents=True, exist_ok=True)
    if exists(kind, name):
        say(f"kind cluster {cluster_name(name)} runs already")
        run(export_command(kind, name, own))
    else:
        wanted = list(ports) or list(DEFAULT_PORTS)
        run(create_command(kind, name, own), stdin=config(wanted), timeout=_CREATE_SECONDS)
        write_json(_ports_file(name), wanted)
    if kubeconfig:
        kubeconfig.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(own, kubeconfig)
        kubeconfig.chmod(0o600)


def down(name: str) -> bool:
    """Delete the cluster; return False if there was none."""
    folder = _own_kubeconfig(name).parent
    if not shutil.which("docker"):
        return False
    kind = program()
    if not exists(kind, name):
        return False
    run(delete_command(kind, name, _own_kubeconfig(name)), timeout=_CREATE_SECONDS)
    shutil.rmtree(folder, ignore_errors=True)
    return True


def load(name: str, archive: Path) -> None:
    run(load_command(program(), name, archive), timeout=_CREATE_SECONDS)


def status(name: str) -> str:
    kind = program()
    if not exists(kind, name):
        raise NotRunning(f"kind cluster {cluster_name(name)} does not run")
    return f"kind cluster {cluster_name(name)} runs; ports {mapped_ports(name)}"


def mapped_ports(name: str) -> dict[int, int]:
    file = _ports_file(name)
    pairs = json.loads(file.read_text()) if file.exists() else []
    return {int(host): int(node) for host, node in pairs}


def forward(name: str, *, port: int, node_port: int) -> None:
    """Check that the cluster maps this port. Raises PortTaken if not, because a mapping cannot be
    added later."""
    if mapped_ports(name).get(port) != node_port:
        raise PortTaken(
            f"kind cluster {cluster_name(name)} does not map port {port} to {node_port}; "
            f"make it again: down, then up --forward {port}:{node_port}"
        )


def kubectl(name: str, program_path: str, arguments: Sequence[str]) -> list[str]:
    return [program_path, f"--kubeconfig={_own_kubeconfig(name)}", *arguments]


def require_docker() -> None:
    if not shutil.which("docker", path=os.environ.get("PATH")):
        raise MissingTool("CLUSTER=kind needs Docker, which is not installed")
