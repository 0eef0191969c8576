"""The cluster of the current context: used, never made and never changed here."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from hosttools.command import run
from hosttools.progress import say
from localcluster import build
from localcluster.errors import Unsupported
from localcluster.pki import write_private

ADVICE = "push the images to a registry that this cluster can reach, and set them in the values"


def kubectl(arguments: Sequence[str]) -> list[str]:
    """kubectl on the current context; the user's own one when there is one."""
    return [shutil.which("kubectl") or str(build.ensure() / "kubectl"), *arguments]


def up(kubeconfig: Path | None) -> None:
    """The context answers; a copy with that context alone is written."""
    run(kubectl(["get", "--raw=/readyz", "--request-timeout=10s"]))
    if kubeconfig:
        view = ["config", "view", "--minify", "--flatten", "--raw"]
        write_private(kubeconfig, run(kubectl(view)))
    say(f"using context {run(kubectl(['config', 'current-context'])).strip()}")


def refuse(action: str) -> Unsupported:
    return Unsupported(f"{action} is not for CLUSTER=current: {ADVICE}")
