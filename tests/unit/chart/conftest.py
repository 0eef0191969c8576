"""Renders the chart with the real Helm; no cluster."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
CHART = ROOT / "deploy" / "helm" / "imagebatch"
HELM = Path(sys.executable).with_name("helm")
NAMESPACE = "home"
REGISTRY = "registry.example"

Values = dict[str, Any]


class HelmFailed(Exception):
    """Helm's own words."""


@dataclass(frozen=True)
class Rendered:
    """The objects that the chart makes."""

    objects: list[dict[str, Any]]

    def all(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in self.objects if one["kind"] == kind]

    def one(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any]:
        (found,) = (
            one
            for one in self.all(kind)
            if one["metadata"]["name"] == name
            and namespace in (None, one["metadata"].get("namespace"))
        )
        return found

    def pods(self) -> Iterator[dict[str, Any]]:
        for deployment in self.all("Deployment"):
            yield deployment["spec"]["template"]["spec"]

    def env(self, deployment: str) -> dict[str, str]:
        pod = self.one("Deployment", deployment)["spec"]["template"]["spec"]
        return {e["name"]: e["value"] for e in pod["containers"][0]["env"] if "value" in e}


def helm(*arguments: str, values: Values) -> str:
    """Helm with values as a file on its standard input. Raises HelmFailed."""
    done = subprocess.run(
        [str(HELM), *arguments, "--values", "-"],
        check=False, capture_output=True, text=True, input=json.dumps(values),
    )  # fmt: skip
    if done.returncode:
        raise HelmFailed(done.stderr + done.stdout)
    return done.stdout


@cache
def templates(values: str) -> str:
    """Rendered once for each set of values, given as JSON: many tests share the defaults."""
    command = ("template", "ib", str(CHART), "--namespace", NAMESPACE)
    return helm(*command, values=json.loads(values))


@pytest.fixture
def render() -> Callable[..., Rendered]:
    """``render(key={…})``: the values of the test over a bucket, which has no default."""

    def rendered(**values: Any) -> Rendered:
        values.setdefault("s3", {}).setdefault("bucket", "pictures")
        values["images"] = {"registry": REGISTRY, **values.get("images", {})}
        text = templates(json.dumps(values, sort_keys=True))
        # The parser in C: the CRD is long, and the one in Python takes longer than helm.
        return Rendered([one for one in yaml.load_all(text, Loader=yaml.CSafeLoader) if one])

    return rendered


@pytest.fixture
def lint() -> Callable[[Values], str]:
    images = {"images": {"registry": REGISTRY}}
    return lambda values: helm("lint", str(CHART), "--strict", values={**images, **values})
