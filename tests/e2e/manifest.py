"""Manifests as a user writes them, and waiting for what becomes of them."""

from __future__ import annotations

import json
import time
from typing import Any

from stack.stack import NAMESPACE, Stack

FINISHED = ("Completed", "Failed", "Cancelled")


def manifest(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "imagebatch.dev/v1alpha1",
        "kind": "ImageBatch",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec,
    }


def apply(stack: Stack, *objects: dict[str, Any]) -> None:
    items = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    stack.kubectl("apply", "-f", "-", stdin=json.dumps(items))


def get(stack: Stack, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stack.batches("get", "imagebatch", name, "-o", "json"))
    return found


def finished(stack: Stack, name: str, seconds: float = 120) -> dict[str, Any]:
    """The status at the end."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        status: dict[str, Any] = get(stack, name).get("status", {})
        if status.get("phase") in FINISHED:
            return status
        time.sleep(0.3)
    raise AssertionError(f"{name} is not finished: {json.dumps(get(stack, name)['status'])}")


def condition(status: dict[str, Any], type_: str) -> dict[str, Any]:
    return next(c for c in status["conditions"] if c["type"] == type_)


def children(stack: Stack, uid: str) -> list[str]:
    """What is left in the cluster of one batch."""
    label = f"imagebatch.dev/batch-uid={uid}"
    return stack.batches("get", "jobs,pods,configmaps", "-l", label, "-o", "name").split()
