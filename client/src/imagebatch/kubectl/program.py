"""Runs kubectl in the context that the user is in."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any

from .errors import KubectlFailed

_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Kubectl:
    """Kubectl with the options that choose a cluster; None leaves the choice to kubectl."""

    context: str | None = None
    kubeconfig: str | None = None

    def command(self, *words: str) -> list[str]:
        """Return the command line. Raises KubectlFailed if kubectl is not installed."""
        program = shutil.which("kubectl")
        if program is None:
            raise KubectlFailed("kubectl is not on the PATH")
        return [program, *self.options(), *words]

    def options(self) -> list[str]:
        """Return the options that choose the cluster."""
        chosen = {"--context": self.context, "--kubeconfig": self.kubeconfig}
        return [f"{name}={value}" for name, value in chosen.items() if value]

    def json(self, *words: str) -> dict[str, Any]:
        """Return what kubectl writes as JSON. Raises KubectlFailed with kubectl's own words."""
        command = self.command(*words, "--output=json")
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise KubectlFailed(f"kubectl {words[0]}: no end after {_SECONDS:.0f} s") from error
        if done.returncode:
            raise KubectlFailed(f"kubectl {words[0]}: {done.stderr.strip()}")
        try:
            found = json.loads(done.stdout)
        except ValueError as error:
            raise KubectlFailed(f"kubectl {words[0]} wrote no JSON") from error
        if not isinstance(found, dict):
            raise KubectlFailed(f"kubectl {words[0]} wrote no JSON object")
        return found
