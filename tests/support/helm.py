"""Charts as the real Helm renders them, without a cluster."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

CHARTS = Path(__file__).resolve().parents[2] / "deploy" / "helm"
HELM = Path(sys.executable).with_name("helm")


def rendered(chart: str, namespace: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    """The objects that a chart makes in a release's namespace."""
    command = [str(HELM), "template", "ib", str(CHARTS / chart), "--namespace", namespace]
    done = subprocess.run(
        [*command, "--values", "-"],
        check=True, stdout=subprocess.PIPE, text=True, input=json.dumps(values),
    )  # fmt: skip
    return [one for one in yaml.load_all(done.stdout, Loader=yaml.CSafeLoader) if one]
