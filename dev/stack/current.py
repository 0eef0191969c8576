"""CLUSTER=current: install into the user's own cluster, and change nothing else in it.

It creates a namespace with a label, the release in it, and the CRD unless another release has
installed it. A note beside the kubeconfig names the cluster's context. It is written first, so that
`down` finds the installation even if the user has switched to another context since.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcluster import build as kubernetes
from localcluster.pki import write_private

from . import portforward, samplehost_manifests
from .cluster import Ports, run_kubectl
from .errors import StackFailed
from .places import ENVIRONMENT, ROOT, helm_environment, module
from .say import say

MARK = "imagebatch.dev/made-by"
_CRD = "imagebatches.imagebatch.dev"
_NO_IMAGES = """CLUSTER=current needs to know how images get into that cluster:
  IMAGE_REGISTRY=registry.example.com/you   builds them and pushes them there (docker or buildah
                                            login before; IMAGE_REGISTRY_INSECURE=1 for http)
  IMAGES_PRESENT=1                          its nodes have them under these names:
"""


@dataclass(frozen=True, slots=True)
class CurrentCluster:
    """The user's own cluster.

    ``env`` is the user's environment. It names the kubeconfig, and says how images reach the
    cluster.
    """

    kubeconfig: Path
    namespace: str
    env: Mapping[str, str]

    @property
    def _note(self) -> Path:
        return self.kubeconfig.with_name("current.json")

    def noted(self) -> str | None:
        """Return the context in the note, which is set once an installation began; None if there is
        no note."""
        if not self._note.exists():
            return None
        return str(json.loads(self._note.read_text())["context"])

    def _noted_server(self) -> str:
        return str(json.loads(self._note.read_text())["server"])

    def up(self, ports: Ports) -> dict[str, str]:
        images = self._images_known()
        context = self._adopt_context()
        say(f"using context {context}")
        self._own_namespace(context)
        return images or self._pushed()

    def values(self, namespace: str) -> Mapping[str, Any]:
        return {
            # The operator watches only its own namespace.
            "namespaces": [namespace],
            "crds": {"install": self._crd_release() in (None, namespace)},
            "egress": {"allow": ["samplehost", "samplehost-members"]},
            "networkPolicy": {"extraEgress": [samplehost_manifests.EGRESS]},
            "gateway": {"service": {"type": "ClusterIP", "nodePort": 0}},
        }

    def samplehost_node_port(self) -> int | None:
        return None

    def reach(self, namespace: str, ports: Ports) -> None:
        services = {
            "imagebatch-gateway": (ports.gateway, 80),
            "samplehost": (ports.samplehost, 8080),
        }
        portforward.start(_kubectl(), self.kubeconfig, namespace, services)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return run_kubectl([_kubectl(), f"--kubeconfig={self.kubeconfig}"], arguments, stdin)

    def down(self) -> None:
        portforward.stop(self.kubeconfig)
        context = self.noted()
        if context is None:
            return
        self._answers(context)
        found = self._namespace()
        if found is not None and _marked(found):
            say(f"removing the release from context {context}")
            self._helm("uninstall", "imagebatch", "--namespace", self.namespace,
                       "--ignore-not-found", "--wait")  # fmt: skip
            self.kubectl("delete", "namespace", self.namespace, "--wait=true", "--timeout=120s")
        # If another user has created the namespace again, a release in it may need the CRD.
        if (found is None or _marked(found)) and self._crd_release() == self.namespace:
            self._remove_crd()
        # The note is removed first, because `down` cannot use a note without its kubeconfig.
        self._note.unlink()
        self.kubeconfig.unlink(missing_ok=True)

    def _remove_crd(self) -> None:
        left = self.kubectl("get", _CRD, "--all-namespaces", "-o", "name").split()
        if left:
            say(f"{len(left)} batches of other namespaces are there: the CRD {_CRD} stays")
        else:
            self.kubectl("delete", "crd", _CRD)

    def _images_known(self) -> dict[str, str] | None:
        """Return the image names if the nodes have the images; None if they must be pushed."""
        if self.env.get("IMAGE_REGISTRY"):
            return None
        refs = _imagebuild("refs")
        if self.env.get("IMAGES_PRESENT") == "1":
            return refs
        names = "\n".join(f"    docker.io/{ref}" for ref in refs.values())
        raise StackFailed(f"{_NO_IMAGES}{names}")

    def _pushed(self) -> dict[str, str]:
        insecure = ["--insecure"] if self.env.get("IMAGE_REGISTRY_INSECURE") == "1" else []
        return _imagebuild("push", "--registry", self.env["IMAGE_REGISTRY"], *insecure)

    def _adopt_context(self) -> str:
        """Copy the user's current context into an own kubeconfig, and return its name.

        A later switch of the user's context then has no effect.
        """
        asked = self._users_kubectl("config", "current-context").strip()
        noted = self.noted()
        # Two kubeconfigs may use one context name: k3s always uses `default`.
        server = self._users_kubectl(
            "config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}"
        ).strip()
        if noted is not None and (noted, self._noted_server()) != (asked, server):
            raise StackFailed(
                f"context {noted} of {self._noted_server()} has an installation of ours, and the "
                f"current one is {asked} of {server}: make down first, or go back to it"
            )
        view = self._users_kubectl("config", "view", "--minify", "--flatten", "--raw")
        self.kubeconfig.parent.mkdir(parents=True, exist_ok=True)
        write_private(self.kubeconfig, view)
        self._note.write_text(json.dumps({"context": asked, "server": server}))
        self._answers(asked)
        return asked

    def _users_kubectl(self, *arguments: str) -> str:
        return run_kubectl([_kubectl()], arguments, None, self.env)

    def _answers(self, context: str) -> None:
        try:
            self.kubectl("get", "--raw=/readyz", "--request-timeout=10s")
        except StackFailed as error:
            raise StackFailed(
                f"context {context} does not answer: {error}\n"
                f"(should its cluster be gone for good, remove {self._note})"
            ) from error

    def _own_namespace(self, context: str) -> None:
        """Create and label the namespace. Raises StackFailed if it exists without the label."""
        found = self._namespace()
        if found is not None and not _marked(found):
            # Nothing was made, so `down` has nothing to find.
            self._note.unlink()
            raise StackFailed(
                f"namespace {self.namespace} of context {context} was not made by `make up`, and "
                "is left alone: remove it, or install the chart with helm as README says"
            )
        if found is None:
            labels = {MARK: "make-up", "pod-security.kubernetes.io/enforce": "restricted"}
            metadata = {"name": self.namespace, "labels": labels}
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
            self.kubectl("create", "-f", "-", stdin=json.dumps(body))

    def _namespace(self) -> dict[str, Any] | None:
        return self._get("namespace", self.namespace)

    def _crd_release(self) -> str | None:
        """Return the namespace of the release that owns the CRD.

        None if there is no CRD, empty if no release owns it.
        """
        found = self._get("crd", _CRD)
        if found is None:
            return None
        notes = found["metadata"].get("annotations") or {}
        return str(notes.get("meta.helm.sh/release-namespace", ""))

    def _get(self, kind: str, name: str) -> dict[str, Any] | None:
        text = self.kubectl("get", kind, name, "--ignore-not-found", "-o", "json")
        found: dict[str, Any] | None = json.loads(text) if text.strip() else None
        return found

    def _helm(self, *arguments: str) -> None:
        own = ROOT / ".venv" / "bin" / "helm"
        program = str(own) if own.exists() else shutil.which("helm")
        if program is None:
            raise StackFailed("helm is needed to uninstall the release: make install brings it")
        done = subprocess.run(
            [program, *arguments], check=False, capture_output=True, text=True,
            env=helm_environment(self.kubeconfig),
        )  # fmt: skip
        if done.returncode:
            raise StackFailed(f"helm {arguments[0]}: {done.stderr.strip()}")


def _kubectl() -> str:
    """Return the user's own kubectl if there is one, because it may have login plugins."""
    return shutil.which("kubectl") or str(kubernetes.ensure() / "kubectl")


def _marked(namespace: Mapping[str, Any]) -> bool:
    return MARK in (namespace["metadata"].get("labels") or {})


def _imagebuild(*words: str) -> dict[str, str]:
    done = subprocess.run(
        module("imagebuild", *words, "--json"),
        cwd=ROOT, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE, check=False,
    )  # fmt: skip
    if done.returncode:
        raise StackFailed(f"imagebuild {words[0]} failed; its output is above")
    return {name: str(one["ref"]) for name, one in json.loads(done.stdout).items()}
