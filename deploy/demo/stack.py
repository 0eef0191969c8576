"""A whole installation: cluster, images, S3 and sample host in the cluster, and the chart."""

from __future__ import annotations

import base64
import json
import os
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcluster.choose import Cluster, choose

from . import services
from .build import Built, build_all
from .places import ENVIRONMENT, ROOT, module
from .say import say

RELEASE = "imagebatch"
NAMESPACE = "imagebatch"
GATEWAY_NODE_PORT = 30080
_CHART = ROOT / "deploy" / "helm" / "imagebatch"
_VALUES = ROOT / "deploy" / "local" / "values-local.yaml"
_HELM_SECONDS = 90
_READY_SECONDS = 60.0


class StackFailed(Exception):
    """A step of the installation failed; the text says which and where to look."""


@dataclass(frozen=True, slots=True)
class Stack:
    """``name`` is the cluster's instance; ports are of 127.0.0.1 on this machine."""

    name: str
    kubeconfig: Path
    gateway_port: int
    samplehost_port: int

    @property
    def gateway(self) -> str:
        return f"http://127.0.0.1:{self.gateway_port}"

    @property
    def samplehost(self) -> str:
        """From this machine; inside the cluster it is :data:`services.SAMPLE_HOST`."""
        return f"http://127.0.0.1:{self.samplehost_port}"

    def up(self) -> None:
        """Idempotent. Raises StackFailed or BuildFailed."""
        kind = choose().cluster
        if kind is Cluster.CURRENT:
            raise StackFailed(
                "CLUSTER=current is not supported here: push the images to your registry and "
                "install deploy/helm/imagebatch with helm, as README says"
            )
        images = build_all(kubernetes=kind is Cluster.LOCAL)
        say("bringing the cluster up")
        self._cluster("up", "--name", self.name, "--kubeconfig", str(self.kubeconfig),
                      "--forward", f"{self.gateway_port}:{GATEWAY_NODE_PORT}",
                      "--forward", f"{self.samplehost_port}:{services.NODE_PORT}")  # fmt: skip
        self._load(images)
        say("installing S3 and the sample image host")
        self.kubectl("apply", "-f", "-", stdin=json.dumps(_namespace()))
        keys = self._storage_keys()
        self.kubectl("apply", "-f", "-", stdin=json.dumps(services.manifests(
            NAMESPACE, images["devtools"].ref, keys)))  # fmt: skip
        say("installing the chart")
        self._helm(images, keys)
        self.wait_ready()
        say(f"the gateway answers at {self.gateway}")

    def down(self) -> None:
        """Nothing stays; harmless when nothing is up."""
        self._cluster("down", "--name", self.name)

    def kubectl(self, *arguments: str, stdin: str | None = None, check: bool = True) -> str:
        """Its output. Raises StackFailed with kubectl's own words."""
        done = subprocess.run(
            [*module("localcluster", "kubectl", "--name", self.name, "--"), *arguments],
            cwd=ROOT, env=ENVIRONMENT, text=True, input=stdin, capture_output=True, check=False,
        )  # fmt: skip
        if check and done.returncode:
            raise StackFailed(f"kubectl {' '.join(arguments[:4])}: {done.stderr.strip()}")
        return done.stdout

    def batches(self, *arguments: str) -> str:
        """``kubectl -n <namespace of the batches>``."""
        return self.kubectl("-n", NAMESPACE, *arguments)

    def wait_ready(self) -> None:
        end = time.monotonic() + _READY_SECONDS
        while time.monotonic() < end:
            try:
                with urllib.request.urlopen(f"{self.gateway}/readyz", timeout=5) as answer:
                    if answer.status == 200:
                        return
            except (OSError, urllib.error.URLError):
                time.sleep(0.3)
        raise StackFailed(f"the gateway does not get ready at {self.gateway}/readyz")

    def signing_secret(self) -> str:
        """The release's webhook secret, ``whsec_…``."""
        found = json.loads(
            self.batches("get", "secret", "imagebatch-webhook-signing", "-o", "json")
        )
        encoded = next(iter(found["data"].values()))
        return base64.b64decode(encoded).decode().split()[0]

    def _load(self, images: Mapping[str, Built]) -> None:
        note = self.kubeconfig.with_name(f"{self.name}-images")
        # An instance that was made anew has none of them, whatever the note says.
        node = self.kubectl("get", "nodes", "-o", "jsonpath={.items[0].metadata.uid}")
        have = note.read_text().split() if note.exists() else []
        fresh = have[:1] == [node]
        wanted = [image for image in images.values() if not fresh or image.ref not in have]
        if wanted:
            say(f"loading {len(wanted)} images into the cluster")
            self._cluster("load", "--name", self.name, *(str(image.archive) for image in wanted))
        note.write_text("\n".join([node, *(image.ref for image in images.values())]))

    def _storage_keys(self) -> services.StorageKeys:
        """Made once per installation and kept in the cluster, not on disk."""
        found = self.kubectl("-n", NAMESPACE, "get", "secret", services.KEYS_SECRET, "-o", "json",
                             check=False)  # fmt: skip
        if found:
            data: dict[str, str] = json.loads(found)["data"]
            return services.StorageKeys(
                base64.b64decode(data["accessKeyId"]).decode(),
                base64.b64decode(data["secretAccessKey"]).decode(),
            )
        return services.StorageKeys(secrets.token_hex(10), secrets.token_hex(20))

    def _helm(self, images: Mapping[str, Built], keys: services.StorageKeys) -> None:
        values: dict[str, Any] = {
            "images": {name: images[name].ref for name in ("operator", "gateway", "runner")},
            "s3": {"accessKeyId": keys.access, "secretAccessKey": keys.secret},
            "gateway": {"externalUrl": self.gateway},
        }
        helm = Path(sys.executable).with_name("helm")
        done = subprocess.run(
            [str(helm), "upgrade", "--install", RELEASE, str(_CHART), "--namespace", NAMESPACE,
             "--values", str(_VALUES), "--values", "-", "--wait",
             "--timeout", f"{_HELM_SECONDS}s"],
            cwd=ROOT, text=True, input=json.dumps(values), capture_output=True, check=False,
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig)},
        )  # fmt: skip
        if done.returncode:
            pods = self.batches("get", "pods", "-o", "wide")
            raise StackFailed(f"helm: {done.stderr.strip()}\n{pods}")

    def _cluster(self, *words: str) -> None:
        code = subprocess.run(
            module("localcluster", *words), cwd=ROOT, env=ENVIRONMENT, check=False
        ).returncode
        if code:
            raise StackFailed(f"localcluster {words[0]} failed; its output is above")


def _namespace() -> dict[str, Any]:
    """With the strictest Pod Security level: everything of ours must run under it."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": NAMESPACE,
            "labels": {"pod-security.kubernetes.io/enforce": "restricted"},
        },
    }
