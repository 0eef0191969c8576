"""Nothing is lost: pods of the runner and of the operator killed in the middle of 1,000 images."""

from __future__ import annotations

import csv
import io
import time

import httpx

from e2e.manifest import apply, finished, get, manifest
from stack.gateway_client import follow, upload
from stack.samplehost_manifests import SAMPLEHOST_URL
from stack.stack import Stack

IMAGES = 1000
PER_SHARD = 125
HEADER = "S. No.,Product Name,Input Image Urls\n"


def _csv() -> str:
    rows = (f"{n},Product {n},{SAMPLEHOST_URL}/photos/n/{n}.jpg" for n in range(1, IMAGES + 1))
    return HEADER + "\n".join(rows) + "\n"


def _wait_for_shards(stack: Stack, name: str, done: int) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        shards = get(stack, name).get("status", {}).get("shards") or {}
        if shards.get("done", 0) >= done:
            return
        time.sleep(0.2)
    raise AssertionError(f"no {done} shards done")


def _running_pod(stack: Stack, name: str) -> str:
    """One that compresses now: between two shards there may be none for a moment."""
    uid = get(stack, name)["metadata"]["uid"]
    label = f"imagebatch.dev/batch-uid={uid},imagebatch.dev/step=compress-0"
    end = time.monotonic() + 30
    while time.monotonic() < end:
        found = stack.batches(
            "get", "pods", "-l", label, "--field-selector=status.phase=Running", "-o", "name"
        ).split()
        if found:
            return found[0]
        time.sleep(0.1)
    raise AssertionError("no pod of the batch compresses")


def _report(gateway: httpx.Client, request_id: str) -> list[tuple[str, str]]:
    """(input URL, name of the output object) in the order of the report."""
    answer = gateway.get(f"/api/download/{request_id}")
    assert answer.status_code == 200
    rows = csv.DictReader(io.StringIO(answer.text))
    return [(row["Input Image Urls"], row["Output Image Urls"].rpartition("/")[2]) for row in rows]


def test_killed_pods_change_nothing_in_the_output_of_1000_images(
    stack: Stack, gateway: httpx.Client
) -> None:
    calm = upload(gateway, _csv(), imagesPerShard=str(PER_SHARD), parallelism="2")
    assert follow(gateway, calm, 240)["status"] == "completed"
    expected = _report(gateway, calm)
    assert [url for url, _ in expected] == [
        f"{SAMPLEHOST_URL}/photos/n/{n}.jpg" for n in range(1, IMAGES + 1)
    ]
    assert all(output for _, output in expected)

    stormy = upload(gateway, _csv(), imagesPerShard=str(PER_SHARD), parallelism="2")
    _wait_for_shards(stack, stormy, 1)
    running = _running_pod(stack, stormy)
    stack.batches("delete", "--grace-period=0", "--force", running)
    operator = "app.kubernetes.io/name=imagebatch-operator"
    stack.batches("delete", "pod", "-l", operator, "--grace-period=0", "--force")
    status = follow(gateway, stormy, 300)
    assert status["status"] == "completed"
    assert status["images"]["succeeded"] + status["images"].get("kept", 0) == IMAGES
    assert _report(gateway, stormy) == expected


def test_suspend_holds_the_work_and_resume_finishes_it(stack: Stack, gateway: httpx.Client) -> None:
    name = upload(gateway, _csv(), imagesPerShard=str(PER_SHARD), parallelism="2")
    _wait_for_shards(stack, name, 1)
    patch = ["patch", "imagebatch", name, "--type=merge", "-p"]
    stack.batches(*patch, '{"spec":{"suspend":true}}')
    time.sleep(3)
    assert get(stack, name)["status"]["phase"] == "Suspended"
    assert gateway.get(f"/api/status/{name}").json()["status"] == "suspended"
    held = get(stack, name)["status"]["shards"]["done"]
    time.sleep(5)
    assert get(stack, name)["status"]["shards"]["done"] == held
    stack.batches(*patch, '{"spec":{"suspend":false,"parallelism":3}}')
    assert follow(gateway, name, 240)["status"] == "completed"
    assert len(_report(gateway, name)) == IMAGES


def test_cancel_ends_a_running_batch_and_keeps_what_is_done(
    stack: Stack, gateway: httpx.Client
) -> None:
    slow = f"{SAMPLEHOST_URL}/slow?seconds=120"
    text = f"{HEADER}1,Cat,{SAMPLEHOST_URL}/photos/n/1.jpg\n2,Slow,{slow}\n"
    apply(stack, manifest("endless", source={"inline": text}))
    end = time.monotonic() + 60
    while gateway.get("/api/status/endless").json()["images"]["done"] < 1:
        assert time.monotonic() < end, "the first image is not recorded"
        time.sleep(0.5)
    stack.batches(
        "patch", "imagebatch", "endless", "--type=merge", "-p", '{"spec":{"cancel":true}}'
    )
    status = finished(stack, "endless", 150)
    assert status["phase"] == "Cancelled"
    assert (status["images"]["succeeded"], status["images"]["failed"]) == (1, 1)
    done, left = csv.DictReader(io.StringIO(gateway.get("/api/download/endless").text))
    assert done["Output Image Urls"]
    assert left["Error"].startswith("1: not_processed")
