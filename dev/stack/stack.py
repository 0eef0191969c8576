"""A whole installation: cluster, images, the chart with S3, and the sample image host."""

from __future__ import annotations

import base64
import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import release, samplehost_manifests
from .cluster import Cluster, Ports
from .errors import StackFailed
from .say import say

NAMESPACE = "imagebatch"
_READY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Stack:
    cluster: Cluster
    ports: Ports
    namespace: str = NAMESPACE

    @property
    def gateway(self) -> str:
        return f"http://127.0.0.1:{self.ports.gateway}"

    @property
    def samplehost(self) -> str:
        """The sample host's URL on this machine; pods use :data:`SAMPLEHOST_URL`."""
        return f"http://127.0.0.1:{self.ports.samplehost}"

    @property
    def kubeconfig(self) -> Path:
        return self.cluster.kubeconfig

    def up(self) -> None:
        """Install everything and wait until the gateway is ready. It can be repeated.

        Raises StackFailed or BuildFailed.
        """
        images = self.cluster.up(self.ports)
        self.kubectl("apply", "-f", "-", stdin=json.dumps(_namespace(self.namespace)))
        say("installing the sample image host")
        node_port = self.cluster.samplehost_node_port()
        self._create_once("secret", samplehost_manifests.credentials(self.namespace))
        host = samplehost_manifests.manifests(self.namespace, images["devtools"], node_port)
        self.kubectl("apply", "-f", "-", stdin=json.dumps(host))
        say("installing the chart, with S3 in the cluster")
        keys = release.storage_keys(self.cluster.kubectl, self.namespace)
        values: dict[str, Any] = {
            "images": {name: images[name] for name in ("operator", "gateway", "runner")},
            "localS3": {"image": images["devtools"]},
            "s3": {"accessKeyId": keys.access, "secretAccessKey": keys.secret},
            "gateway": {"externalUrl": self.gateway},
            "runner": {"fetchCredentials": {"secretName": samplehost_manifests.CREDENTIALS}},
        }
        release.install(
            self.cluster.kubectl, self.kubeconfig, self.namespace,
            [values, self.cluster.values(self.namespace)],
        )  # fmt: skip
        self.cluster.reach(self.namespace, self.ports)
        self.wait_ready()
        say(f"the gateway answers at {self.gateway}")

    def down(self) -> None:
        """Remove everything; do nothing if nothing is installed."""
        self.cluster.down()

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl and return its output. Raises StackFailed with kubectl's message."""
        return self.cluster.kubectl(*arguments, stdin=stdin)

    def _create_once(self, kind: str, manifest: dict[str, Any]) -> None:
        """Create an object unless it exists: an object with random values must not be replaced."""
        name = manifest["metadata"]["name"]
        if not self.batches("get", kind, name, "--ignore-not-found", "-o", "name").strip():
            self.kubectl("create", "-f", "-", stdin=json.dumps(manifest))

    def batches(self, *arguments: str) -> str:
        """Run kubectl in the namespace of the batches, and return its output."""
        return self.kubectl("-n", self.namespace, *arguments)

    def wait_ready(self) -> None:
        end = time.monotonic() + _READY_SECONDS
        while time.monotonic() < end:
            try:
                with urllib.request.urlopen(f"{self.gateway}/readyz", timeout=5) as answer:
                    if json.load(answer)["status"] == "ok":
                        return
            except (OSError, urllib.error.URLError):
                time.sleep(0.3)
        raise StackFailed(f"the gateway does not get ready at {self.gateway}/readyz")

    def signing_secret(self) -> str:
        """Return the release's webhook signing secret, ``whsec_…``."""
        return self.secret("imagebatch-webhook-signing", "secret").split()[0]

    def secret(self, name: str, key: str) -> str:
        """Return a value of a Secret in the batches' namespace."""
        found = json.loads(self.batches("get", "secret", name, "-o", "json"))
        return base64.b64decode(found["data"][key]).decode()


def _namespace(name: str) -> dict[str, Any]:
    """Return a Namespace with the Pod Security level ``restricted``, which all our pods satisfy."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    metadata = {"name": name, "labels": labels}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
