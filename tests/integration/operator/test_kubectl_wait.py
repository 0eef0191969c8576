"""The lines of ``kubectl wait`` in docs/gitops.md, run by kubectl against a real API server."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integration.operator.driver import Api, Namespace, new_namespace
from localcluster import build
from unit.operator.builders import batch
from unit.operator.paths import PATHS

PAGE = Path(__file__).resolve().parents[3] / "docs" / "gitops.md"
UNSEEN = "not-seen-yet"
#: Paths whose statuses differ in what kubectl looks at.
CHOSEN = (
    "compressing",
    "suspended",
    "awaits confirmation",
    "no pod gets ready",
    "waits for its source",
    "no storage",
    "completed",
    "some failed",
    "dry run",
    "cancelled",
    "too many failed",
    "not allowed",
)
NAMES = {name.replace(" ", "-"): PATHS[name] for name in CHOSEN}


def where(phases: str) -> set[str]:
    """Return the names of the batches whose phase is in ``phases``."""
    return {n for n, path in NAMES.items() if str(path.status().phase) in phases.split()}


#: What is waited for, and the batches for which kubectl returns at once.
LINES = {
    "condition=Finished": {name for name, path in NAMES.items() if path.reason},
    "condition=Succeeded": where("Completed"),
    "condition=Succeeded=false": where("Failed Cancelled"),
    "condition=Stalled": {name for name, path in NAMES.items() if path.kstatus == "Failed"},
    "condition=Suspended": {"suspended", "awaits-confirmation"},
    "jsonpath={.status.phase}=Failed": where("Failed"),
    "jsonpath={.status.phase}=Completed": where("Completed"),
}


def documented() -> dict[str, list[str]]:
    """Return the words of each line in the page, by what it waits for."""
    lines = re.findall(r"^kubectl .* wait .*$", PAGE.read_text(), re.MULTILINE)
    words = [shlex.split(line) for line in lines]
    return {
        word.removeprefix("--for="): line
        for line in words
        for word in line
        if word.startswith("--for=")
    }


@pytest.fixture(scope="module")
def shop(api: Api) -> Iterator[Namespace]:
    """A namespace with a batch on each path, as the API server stores it, and a new batch."""
    with new_namespace(api, "waits") as made:
        bodies = [renamed(path.resource(), name, made.name) for name, path in NAMES.items()]
        unseen = renamed(batch().body(), UNSEEN, made.name)
        made.apply(*({k: v for k, v in body.items() if k != "status"} for body in bodies), unseen)
        listed = {"apiVersion": "v1", "kind": "List", "items": bodies}
        apply = ("apply", "--server-side", "--subresource=status", "-f", "-")
        made.plane.kubectl(*apply, stdin=json.dumps(listed))
        yield made
        made.kubectl("delete", "imagebatches", "--all")


def renamed(body: dict[str, Any], name: str, namespace: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {**body, "metadata": metadata}


def command(shop: Namespace, line: list[str], names: list[str], timeout: str) -> list[str]:
    """Return a documented line for these batches, with a timeout."""
    assert line[:4] == ["kubectl", "-n", "shop", "wait"]
    kept = [word for word in line[4:] if word.startswith("--for=")]
    assert sorted(line[4:]) == sorted([*kept, "imagebatch/spring", "--timeout=2h"])
    program = str(build.ensure() / "kubectl")
    resources = [f"imagebatch/{name}" for name in names]
    to = (f"--kubeconfig={shop.plane.kubeconfig}", "-n", shop.name)
    return [program, *to, "wait", *kept, *resources, f"--timeout={timeout}"]


def test_the_page_has_exactly_the_lines_that_are_tried_here() -> None:
    assert set(documented()) == set(LINES)


@pytest.mark.parametrize("awaited", LINES)
def test_a_line_returns_for_the_batches_that_the_page_names(shop: Namespace, awaited: str) -> None:
    every = [*NAMES, UNSEEN]
    words = command(shop, documented()[awaited], every, "0")
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    met = re.findall(r"^imagebatch.imagebatch.dev/(\S+) condition met$", done.stdout, re.MULTILINE)
    assert set(met) == LINES[awaited], done.stderr
    assert done.stderr.count("condition not met for") == len(every) - len(met)


def test_a_line_waits_for_the_end_and_returns_then(shop: Namespace) -> None:
    ended = PATHS["too many failed"].resource()
    words = command(shop, documented()["condition=Finished"], [UNSEEN], "60s")
    waiting = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(1)
        patch = json.dumps({"status": ended["status"]})
        of_status = ("--subresource=status", "--type=merge", "-p", patch)
        shop.kubectl("patch", "imagebatch", UNSEEN, *of_status)
        assert waiting.wait(30) == 0
    finally:
        waiting.kill()
        waiting.communicate()
