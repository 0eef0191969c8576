"""Every example is applied, the commands of its comments are run, and it comes to its end."""

from __future__ import annotations

import json
import re
import shlex
import time
from pathlib import Path

import httpx
import pytest

from e2e.manifest import condition, finished, get
from stack.gateway_client import follow, upload
from stack.places import ROOT
from stack.samplehost_manifests import SAMPLEHOST_URL
from stack.stack import Stack

EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
#: How the batches of an example end, where it is not Completed.
ENDS = {"cancel": "Cancelled"}
#: The condition and its reason that a batch must have before the commands of its comments are run.
BEFORE = {
    "confirm": ("Suspended", "AwaitingConfirmation"),
    "suspend": ("Suspended", "SuspendedByUser"),
    "cancel": ("Reconciling", "Compressing"),
    "with-webhook": ("WebhookDelivered", "Delivered"),
}
ONE = f"S. No.,Product Name,Input Image Urls\n1,Cat,{SAMPLEHOST_URL}/photos/n/1.jpg\n"


def _here(path: Path, upload_key: str) -> str:
    """The manifest with the hosts and the bucket of this installation."""
    text = path.read_text(encoding="utf-8")
    text = text.replace("https://images.example.com", SAMPLEHOST_URL)
    text = text.replace("https://hooks.example.com/imagebatch", f"{SAMPLEHOST_URL}/hook")
    return text.replace("shop/uploads/autumn/products.csv", upload_key)


def _commands(text: str) -> list[list[str]]:
    """The changes in the comments, without the word kubectl."""
    found = re.findall(r"^#   kubectl ((?:patch|annotate|wait|delete) .+)$", text, re.MULTILINE)
    return [shlex.split(command) for command in found]


def _batches(text: str) -> list[str]:
    names = re.findall(r"kind: ImageBatch\nmetadata:\n  name: (\S+)", text)
    assert names
    return names


def _wait_for(stack: Stack, name: str, kind: str, reason: str) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        status = get(stack, name).get("status", {})
        if any((c["type"], c["reason"]) == (kind, reason) for c in status.get("conditions", [])):
            return
        time.sleep(0.3)
    raise AssertionError(f"{name} never had {kind} with {reason}: {json.dumps(status)}")


@pytest.fixture(scope="module")
def upload_key(stack: Stack) -> str:
    """The key of a CSV in the bucket, as an upload leaves it."""
    with httpx.Client(base_url=stack.gateway, timeout=30) as client:
        request = upload(client, ONE)
        follow(client, request)
    return str(get(stack, request)["spec"]["source"]["s3"]["key"])


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_works_as_it_says(stack: Stack, path: Path, upload_key: str) -> None:
    text = _here(path, upload_key)
    stack.kubectl("-n", stack.namespace, "apply", "-f", "-", stdin=text)
    names = _batches(text)
    for name in names:
        if name in BEFORE:
            _wait_for(stack, name, *BEFORE[name])
    changes = [one for one in _commands(text) if one[0] != "delete"]
    for command in changes:
        stack.batches(*command)
    for name in names:
        status = finished(stack, name, 180)
        assert status["phase"] == ENDS.get(name, "Completed"), status
    for command in (one for one in _commands(text) if one[0] == "delete"):
        stack.batches(*command)
    if "short-lived" not in names:
        stack.batches("delete", "imagebatch", *names)


def test_a_retry_fetches_only_what_failed(stack: Stack, gateway: httpx.Client) -> None:
    """The image host counts: the retry of one failed image of three costs one request."""
    missing = f"{SAMPLEHOST_URL}/photos/there-is-none.jpg"
    text = f"{ONE}2,Cat,{SAMPLEHOST_URL}/photos/n/2.jpg\n3,Lost,{missing}\n"
    first = upload(gateway, text)
    assert follow(gateway, first)["images"]["failed"] == 1
    before = httpx.get(f"{stack.samplehost}/stats").json()["requests"]
    answer = gateway.post(f"/api/requests/{first}/retry", json={"only": "failed"})
    assert answer.status_code == 200, answer.text
    retried = follow(gateway, answer.json()["requestId"])
    after = httpx.get(f"{stack.samplehost}/stats").json()["requests"]
    assert (retried["images"]["total"], retried["images"]["failed"]) == (3, 1)
    photos = sum(count for route, count in after.items() if route.startswith("/photos"))
    photos -= sum(count for route, count in before.items() if route.startswith("/photos"))
    assert photos == 1
    assert len(retried["outputImageUrls"]) == 2
    reason = condition(get(stack, answer.json()["requestId"])["status"], "Succeeded")["reason"]
    assert reason == "CompletedWithFailures"
