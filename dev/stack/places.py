"""Where the project lies, and how its own modules are run and stopped."""

from __future__ import annotations

import os
import signal
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
    """Command line of a module of ours."""
    return [sys.executable, "-m", *words]


def helm_environment(kubeconfig: Path, env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """For a helm that speaks to the cluster of ``kubeconfig`` and no other.

    The user's HELM_KUBEAPISERVER and its like would lead it elsewhere, HELM_DRIVER to other
    records.
    """
    own = {name: value for name, value in env.items() if not name.startswith(_HELM_ELSEWHERE)}
    return {**own, "KUBECONFIG": str(kubeconfig)}


def exit_on_sigterm() -> None:
    """As Ctrl-C does: what was started is ended on the way out."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
