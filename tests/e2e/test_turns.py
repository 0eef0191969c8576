"""A limit on running batches, set by an upgrade of the release, over three namespaces."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.manifest import FINISHED, apply, manifest
from stack import release
from stack.samplehost_manifests import CREDENTIALS
from stack.stack import NAMESPACE, Stack

LOADS = {"red": 8, "green": 4, "blue": 2}
LIMIT = 4
#: As pods of other namespaces know the sample host. Each batch runs for some seconds.
SLOW = f"http://samplehost.{NAMESPACE}:8080/slow?seconds=3&photo=chelsea.jpg"
OPERATOR = "deployment/imagebatch-operator"

Key = tuple[str, str]


@pytest.fixture
def upgraded(stack: Stack) -> Iterator[None]:
    """Three namespaces with their batches, which the operator sees at once when it starts."""
    stack.batches("scale", OPERATOR, "--replicas=0")
    secret = json.loads(stack.batches("get", "secret", CREDENTIALS, "-o", "json"))
    kept = {key: secret[key] for key in ("apiVersion", "kind", "data")}
    try:
        for namespace in LOADS:
            space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
            metadata = {"name": CREDENTIALS, "namespace": namespace}
            apply(stack, space, {**kept, "metadata": metadata})
        apply(
            stack,
            *(
                _batch(namespace, number)
                for namespace, load in LOADS.items()
                for number in range(load)
            ),
        )
        helm = Path(sys.executable).with_name("helm")
        subprocess.run(
            [str(helm), "upgrade", release.NAME, str(release.CHART), "--namespace", NAMESPACE,
             "--reuse-values", "--set", f"limits.runningBatches={LIMIT}",
             "--set", f"runner.namespaces={{{','.join(LOADS)}}}",
             "--set", "s3.sharedCredentials=true", "--wait", "--timeout", "120s"],
            env={**os.environ, "KUBECONFIG": str(stack.kubeconfig)},
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        yield
    finally:
        stack.up()
        stack.kubectl("delete", "namespace", *LOADS, "--wait=false")


def _batch(namespace: str, number: int) -> dict[str, Any]:
    text = f"S. No.,Product Name,Input Image Urls\n1,Cat,{SLOW}&n={namespace}-{number}\n"
    made = manifest(f"turn-{number}", source={"inline": text})
    made["metadata"]["namespace"] = namespace
    return made


def _statuses(stack: Stack) -> dict[Key, dict[str, Any]]:
    items = json.loads(stack.kubectl("get", "imagebatches", "-A", "-o", "json"))["items"]
    found = {(one["metadata"]["namespace"], one["metadata"]["name"]): one for one in items}
    return {key: one.get("status", {}) for key, one in found.items() if key[0] in LOADS}


def _begun(statuses: dict[Key, dict[str, Any]]) -> list[Key]:
    return sorted(
        (key for key, status in statuses.items() if status.get("startTime")),
        key=lambda key: str(statuses[key]["startTime"]),
    )


@pytest.mark.usefixtures("upgraded")
def test_three_namespaces_get_equal_turns_of_four_and_priority_overtakes(stack: Stack) -> None:
    end = time.monotonic() + 60
    while len(first := _begun(_statuses(stack))) < LIMIT:
        assert time.monotonic() < end, "no four batches begin"
        time.sleep(0.2)
    began = Counter(namespace for namespace, _ in first[:LIMIT])
    assert sorted(began.values()) == [1, 1, 2], began
    last = f"turn-{LOADS['red'] - 1}"
    patch = '{"spec":{"priority":9}}'
    stack.kubectl("-n", "red", "patch", "imagebatch", last, "--type=merge", "-p", patch)
    before = _begun(_statuses(stack))

    end = time.monotonic() + 240
    ended = _statuses(stack)
    while not all(status.get("phase") in FINISHED for status in ended.values()):
        assert time.monotonic() < end, {key: s.get("phase") for key, s in ended.items()}
        time.sleep(0.5)
        ended = _statuses(stack)
    assert {status["phase"] for status in ended.values()} == {"Completed"}
    order = _begun(ended)
    urgent = ("red", last)
    # Until the operator sees the patch, as many may begin as end. Times have whole seconds, so
    # those that begin in the same second have no order.
    earlier = [o for o in order if ended[o]["startTime"] < ended[urgent]["startTime"]]
    assert len(earlier) < len(set(before) - {urgent}) + LIMIT
    for key in order:
        start = ended[key]["startTime"]
        running = [o for o in order if ended[o]["startTime"] <= start < ended[o]["completionTime"]]
        assert len(running) <= LIMIT, running
    order.remove(urgent)
    turns = {name: [n for n, key in enumerate(order) if key[0] == name] for name in LOADS}
    assert turns["blue"][-1] < turns["red"][5]
    assert turns["green"][-1] < turns["red"][-1]
