"""Install or upgrade the chart's release, even if an earlier helm was killed."""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import StackFailed
from .places import ROOT, helm_environment
from .say import say

NAME = "imagebatch"
CHART = ROOT / "deploy" / "helm" / "imagebatch"
VALUES = Path(__file__).with_name("values-local.yaml")
_SECONDS = 90
_KEYS_SECRET = "imagebatch-s3"  # noqa: S105 - the name of a Secret
_PENDING = "pending-install,pending-upgrade,pending-rollback"

#: Runs kubectl and returns its output; raises StackFailed.
Kubectl = Callable[..., str]


@dataclass(frozen=True, slots=True)
class StorageKeys:
    access: str
    secret: str


def storage_keys(kubectl: Kubectl, namespace: str) -> StorageKeys:
    """Return the key pair of the store, from its Secret in the cluster, or a new one.

    A new pair is made only if the Secret does not exist, because the store accepts only the old
    pair.
    """
    found = kubectl(
        "-n", namespace, "get", "secret", _KEYS_SECRET, "--ignore-not-found", "-o", "json"
    )
    if not found.strip():
        return StorageKeys(secrets.token_hex(10), secrets.token_hex(20))
    data: dict[str, str] = json.loads(found)["data"]
    return StorageKeys(
        base64.b64decode(data["AWS_ACCESS_KEY_ID"]).decode(),
        base64.b64decode(data["AWS_SECRET_ACCESS_KEY"]).decode(),
    )


def install(
    kubectl: Kubectl, kubeconfig: Path, namespace: str, values: list[Mapping[str, Any]]
) -> None:
    """Install or upgrade the release; later ``values`` override earlier ones. Raises
    StackFailed."""
    _forget_pending(kubectl, namespace)
    helm = Path(sys.executable).with_name("helm")
    done = subprocess.run(
        [str(helm), "upgrade", "--install", NAME, str(CHART), "--namespace", namespace,
         "--values", str(VALUES), "--values", "-", "--wait", "--timeout", f"{_SECONDS}s"],
        cwd=ROOT, text=True, input=json.dumps(merged(values)), capture_output=True, check=False,
        env=helm_environment(kubeconfig),
    )  # fmt: skip
    if done.returncode:
        pods = kubectl("-n", namespace, "get", "pods", "-o", "wide")
        raise StackFailed(f"helm: {done.stderr.strip()}\n{pods}")


def merged(values: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Merge values as helm does: maps are merged key by key, everything else is replaced."""
    result: dict[str, Any] = {}
    for one in values:
        for key, value in one.items():
            old = result.get(key)
            both = isinstance(old, Mapping) and isinstance(value, Mapping)
            result[key] = merged([old, value]) if both and old is not None else value
    return result


def _forget_pending(kubectl: Kubectl, namespace: str) -> None:
    """Delete the record of a revision that a killed helm left pending; helm would refuse to work.

    Helm then continues from the last complete revision, if any. It adopts existing objects, because
    they are labelled with the release's name.
    """
    chosen = f"owner=helm,name={NAME},status in ({_PENDING})"
    left = kubectl("-n", namespace, "get", "secrets", "-l", chosen, "-o", "name").split()
    if left:
        say("an earlier installation was interrupted; going on from there")
        kubectl("-n", namespace, "delete", *left)
