"""The repository's folder, and command lines and environments of child processes."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(ROOT / "dev"),
    "PYTHONUNBUFFERED": "1",
}
_HELM_ELSEWHERE = ("HELM_KUBE", "HELM_NAMESPACE", "HELM_DRIVER")


def module(*words: str) -> list[str]:
    """Return the command line that runs a module of ``dev/`` with arguments."""
    return [sys.executable, "-m", *words]


def helm_environment(kubeconfig: Path, env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return an environment in which helm uses the cluster of ``kubeconfig``.

    Variables that name another cluster (HELM_KUBE…), another namespace or another driver for helm's
    records are left out.
    """
    own = {name: value for name, value in env.items() if not name.startswith(_HELM_ELSEWHERE)}
    return {**own, "KUBECONFIG": str(kubeconfig)}
