"""The health of resources as kstatus and Argo CD compute it: their own code, built with Go."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from hosttools import gobuild
from imagebatch_core.names import GROUP, KIND
from stack.places import ROOT

_SOURCES: Final = ROOT / "dev" / "health"
_CONFIG_MAP: Final = ROOT / "deploy" / "argocd" / "argocd-cm.yaml"


@dataclass(frozen=True)
class Health:
    """Status and message of one resource."""

    status: str
    message: str


@dataclass(frozen=True)
class Readings:
    """The health of one resource by its two readers."""

    kstatus: Health
    argocd: Health


def argocd_check() -> str:
    """Return the Lua code that users put into Argo CD's ConfigMap."""
    data = yaml.safe_load(_CONFIG_MAP.read_text())["data"]
    [(key, script)] = data.items()
    assert key == f"resource.customizations.health.{GROUP}_{KIND}"
    return str(script)


def read(bodies: Iterable[Mapping[str, Any]], check: str | None = None) -> list[Readings]:
    """Return the health of each resource, given as the API server's JSON.

    ``check`` is a health check of Argo CD; without it, the one for users.
    """
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "health.lua"
        script.write_text(argocd_check() if check is None else check)
        done = subprocess.run(
            [gobuild.program(_SOURCES), script],
            input="".join(json.dumps(body) for body in bodies),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    if done.returncode:
        raise AssertionError(done.stderr)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return [Readings(Health(**line["kstatus"]), Health(**line["argocd"])) for line in lines]
