"""The interface between a stack and its cluster, and the clusters that the project creates."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from localcluster.choose import Cluster as Kind
from localcluster.choose import choose

from . import samplehost_manifests
from .build import Built, build_all
from .errors import StackFailed
from .places import ENVIRONMENT, ROOT, module
from .say import say

GATEWAY_NODE_PORT = 30080


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports of 127.0.0.1 at which gateway and sample host are reached."""

    gateway: int
    samplehost: int


class Cluster(Protocol):
    """The cluster of a stack. Its methods can be repeated, and raise StackFailed."""

    @property
    def kubeconfig(self) -> Path:
        """A kubeconfig that names only this cluster; :meth:`up` writes it."""

    def up(self, ports: Ports) -> dict[str, str]:
        """Start the cluster and load the project's images; return their names by component."""

    def values(self, namespace: str) -> Mapping[str, Any]:
        """Return the chart values for this cluster, which override ``values-local.yaml``."""

    def samplehost_node_port(self) -> int | None:
        """Return the node port of the sample host's Service; None if it is a ClusterIP Service."""

    def reach(self, namespace: str, ports: Ports) -> None:
        """Make gateway and sample host reachable at ``ports``. It is called after both are
        installed."""

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl and return its output. Raises StackFailed with kubectl's message."""

    def down(self) -> None:
        """Remove everything that :meth:`up` created; do nothing if there is nothing."""


def run_kubectl(
    command: list[str],
    arguments: tuple[str, ...],
    stdin: str | None,
    env: Mapping[str, str] = ENVIRONMENT,
) -> str:
    """Run kubectl and return its output. Raises StackFailed with kubectl's own words."""
    done = subprocess.run(
        [*command, *arguments],
        cwd=ROOT, env=env, text=True, input=stdin, capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise StackFailed(f"kubectl {' '.join(arguments[:4])}: {done.stderr.strip()}")
    return done.stdout


@dataclass(frozen=True, slots=True)
class OwnCluster:
    """A cluster that the project creates, with kind or localcluster; ``name`` is its instance.

    With ``policies`` it enforces NetworkPolicies; kind always does.
    """

    name: str
    kubeconfig: Path
    policies: bool = False

    def up(self, ports: Ports) -> dict[str, str]:
        images = build_all(kubernetes=choose().cluster is Kind.LOCAL, policies=self.policies)
        say("bringing the cluster up")
        enforce = ["--network-policies"] if self.policies else []
        self._run("up", "--name", self.name, "--kubeconfig", str(self.kubeconfig), *enforce,
                  "--forward", f"{ports.gateway}:{GATEWAY_NODE_PORT}",
                  "--forward", f"{ports.samplehost}:{samplehost_manifests.NODE_PORT}")  # fmt: skip
        self._load(images)
        return {name: image.ref for name, image in images.items()}

    def values(self, namespace: str) -> Mapping[str, Any]:
        return {}

    def samplehost_node_port(self) -> int | None:
        return samplehost_manifests.NODE_PORT

    def reach(self, namespace: str, ports: Ports) -> None:
        """Do nothing: :meth:`up` has forwarded the node ports."""

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        command = module("localcluster", "kubectl", "--name", self.name, "--")
        return run_kubectl(command, arguments, stdin)

    def down(self) -> None:
        self._run("down", "--name", self.name)

    def _load(self, images: Mapping[str, Built]) -> None:
        note = self.kubeconfig.with_name(f"{self.name}-images")
        # A new node has no images, although the note may list images of an earlier node.
        node = self.kubectl("get", "nodes", "-o", "jsonpath={.items[0].metadata.uid}")
        have = note.read_text().split() if note.exists() else []
        fresh = have[:1] == [node]
        wanted = [image for image in images.values() if not fresh or image.ref not in have]
        if wanted:
            say(f"loading {len(wanted)} images into the cluster")
            self._run("load", "--name", self.name, *(str(image.archive) for image in wanted))
        note.write_text("\n".join([node, *(image.ref for image in images.values())]))

    def _run(self, *words: str) -> None:
        code = subprocess.run(
            module("localcluster", *words), cwd=ROOT, env=ENVIRONMENT, check=False
        ).returncode
        if code:
            raise StackFailed(f"localcluster {words[0]} failed; its output is above")
