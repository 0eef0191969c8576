"""A kubectl that stands for a cluster."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

STANDIN = Path(__file__).with_name("standin.py")
ME = {
    "authMode": "none",
    "user": None,
    "kind": "anonymous",
    "namespace": "images",
    "namespaces": ["images"],
    "mayRead": True,
    "mayWrite": True,
    "mayManageKeys": False,
}


class StandIn:
    """A cluster as the plugin sees it through kubectl; each attribute may be changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        programs = folder / "bin"
        programs.mkdir()
        kubectl = programs / "kubectl"
        kubectl.write_text(
            f'#!/bin/sh\nexec "{sys.executable}" -I -S "{STANDIN}" "{folder}" "$@"\n'
        )
        kubectl.chmod(0o755)
        self.environment = {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(folder)}
        self.user: dict[str, Any] = {}
        self.namespace: str | None = None
        self.gateways = ["images"]
        self.more: dict[str, Any] = {}
        self.me: dict[str, Any] = dict(ME)

    def save(self) -> None:
        context = {"namespace": self.namespace} if self.namespace else {}
        view = {
            "contexts": [{"name": "c", "context": context}],
            "users": [{"name": "u", "user": self.user}],
            "clusters": [{"name": "k", "cluster": {"server": "https://k.example"}}],
        }
        text = json.dumps({"view": view, "gateways": self.gateways, "me": self.me, **self.more})
        (self.folder / "cluster.json").write_text(text)

    def noted(self, name: str) -> list[Any]:
        file = self.folder / name
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def running(self) -> list[int]:
        """Return the pids of the port-forwards that run."""
        return [pid for pid, _ in self.noted("forwards") if Path(f"/proc/{pid}").exists()]
