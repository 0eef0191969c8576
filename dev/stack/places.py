"""The repository's folder, and how modules of ``dev/`` are run as processes."""

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
    """Command line that runs a module of ``dev/``."""
    return [sys.executable, "-m", *words]


def helm_environment(kubeconfig: Path, env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Environment for helm in which it uses the cluster of ``kubeconfig`` and no other.

    Without the user's HELM_KUBE…, which name another cluster, and HELM_DRIVER, which names another
    place for helm's records.
    """
    own = {name: value for name, value in env.items() if not name.startswith(_HELM_ELSEWHERE)}
    return {**own, "KUBECONFIG": str(kubeconfig)}
