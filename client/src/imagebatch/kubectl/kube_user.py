"""The user of the current context: namespace and token, as the kubeconfig has them."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import KubectlFailed
from .program import Kubectl

_EXEC_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class KubeUser:
    """What the kubeconfig says of the user of a context."""

    namespace: str | None
    user: dict[str, Any]
    cluster: dict[str, Any]

    @classmethod
    def of(cls, kubectl: Kubectl) -> KubeUser:
        """Read it by ``kubectl config view``. Raises KubectlFailed."""
        view = kubectl.json("config", "view", "--minify", "--raw")
        context = _first(view, "contexts", "context")
        return cls(
            namespace=context.get("namespace") or None,
            user=_first(view, "users", "user"),
            cluster=_first(view, "clusters", "cluster"),
        )

    def token(self) -> str | None:
        """Return the token that kubectl would send, None if the user has none.

        It comes from the kubeconfig, from a file that it names, or from the program that it names
        (``exec``, as managed clusters have it). Raises KubectlFailed.
        """
        if program := self.user.get("exec"):
            return self._of_program(program)
        if file := self.user.get("tokenFile"):
            try:
                return Path(file).read_text(encoding="utf-8").strip() or None
            except OSError as error:
                raise KubectlFailed(f"the token of the context: {error}") from error
        return self.user.get("token") or None

    def _of_program(self, program: dict[str, Any]) -> str | None:
        """Run a credential plugin as client.authentication.k8s.io describes it."""
        spec: dict[str, Any] = {"interactive": False}
        if program.get("provideClusterInfo"):
            spec["cluster"] = self.cluster
        info = {"apiVersion": program["apiVersion"], "kind": "ExecCredential", "spec": spec}
        own = {one["name"]: one["value"] for one in program.get("env") or []}
        name = program["command"]
        try:
            done = subprocess.run(
                [name, *(program.get("args") or [])],
                env={**os.environ, **own, "KUBERNETES_EXEC_INFO": json.dumps(info)},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_EXEC_SECONDS,
                check=True,
            )
            status = json.loads(done.stdout)["status"]
        except subprocess.CalledProcessError as error:
            raise KubectlFailed(f"{name}, which signs in: {error.stderr.strip()}") from error
        except (OSError, subprocess.TimeoutExpired, ValueError, LookupError) as error:
            raise KubectlFailed(f"{name}, which signs in, gave no token: {error}") from error
        return status.get("token") or None


def _first(view: dict[str, Any], many: str, one: str) -> dict[str, Any]:
    found = view.get(many) or [{}]
    return dict(found[0].get(one) or {})
