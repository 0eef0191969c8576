"""What a stack needs of a cluster, and the clusters that the project makes itself."""

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
    """Of 127.0.0.1 on this machine."""

    gateway: int
    samplehost: int


class Cluster(Protocol):
    """Where a stack is installed. All methods are idempotent and raise StackFailed."""

    @property
    def kubeconfig(self) -> Path:
        """Of this cluster alone, once :meth:`up` is done."""

    def up(self, ports: Ports) -> dict[str, str]:
        """A cluster that answers, and our images in it: their names by component."""

    def values(self, namespace: str) -> Mapping[str, Any]:
        """What this cluster changes in the local values of the chart."""

    def samplehost_node_port(self) -> int | None:
        """The node port that the sample host's Service must have, if it must."""

    def reach(self, namespace: str, ports: Ports) -> None:
        """Gateway and sample host answer at the ports, once they are installed."""

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Its output. Raises StackFailed with kubectl's own words."""

    def down(self) -> None:
        """Nothing of it stays; harmless when nothing is up."""


def run_kubectl(
    command: list[str],
    arguments: tuple[str, ...],
    stdin: str | None,
    env: Mapping[str, str] = ENVIRONMENT,
) -> str:
    """Raises StackFailed with kubectl's own words."""
    done = subprocess.run(
        [*command, *arguments],
        cwd=ROOT, env=env, text=True, input=stdin, capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise StackFailed(f"kubectl {' '.join(arguments[:4])}: {done.stderr.strip()}")
    return done.stdout


@dataclass(frozen=True, slots=True)
class OwnCluster:
    """kind's or the local one, made for us: it goes as a whole. ``name`` is its instance."""

    name: str
    kubeconfig: Path

    def up(self, ports: Ports) -> dict[str, str]:
        images = build_all(kubernetes=choose().cluster is Kind.LOCAL)
        say("bringing the cluster up")
        self._run("up", "--name", self.name, "--kubeconfig", str(self.kubeconfig),
                  "--forward", f"{ports.gateway}:{GATEWAY_NODE_PORT}",
                  "--forward", f"{ports.samplehost}:{samplehost_manifests.NODE_PORT}")  # fmt: skip
        self._load(images)
        return {name: image.ref for name, image in images.items()}

    def values(self, namespace: str) -> Mapping[str, Any]:
        return {}

    def samplehost_node_port(self) -> int | None:
        return samplehost_manifests.NODE_PORT

    def reach(self, namespace: str, ports: Ports) -> None:
        """Node ports are forwarded since :meth:`up`."""

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        command = module("localcluster", "kubectl", "--name", self.name, "--")
        return run_kubectl(command, arguments, stdin)

    def down(self) -> None:
        self._run("down", "--name", self.name)

    def _load(self, images: Mapping[str, Built]) -> None:
        note = self.kubeconfig.with_name(f"{self.name}-images")
        # An instance that was made anew has none of them, whatever the note says.
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
