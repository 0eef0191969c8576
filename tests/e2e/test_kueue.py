"""Kueue itself admits the Jobs of batches: quota, suspension, labels, priority and preemption.

Each test has queues of its own; a queue's quota is a number of pods.
"""

from __future__ import annotations

import csv
import io
import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import yaml

from e2e.manifest import apply, condition, finished, get, manifest
from imagebatch_core.names import LABEL_BATCH_UID, LABEL_KUEUE_PRIORITY, LABEL_KUEUE_QUEUE
from stack.places import ROOT
from stack.samplehost_manifests import SAMPLEHOST_URL
from stack.stack import Stack
from support import kueue

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("installed")]

DOCUMENTATION = ROOT / "docs" / "kueue.md"
EXAMPLE = ROOT / "examples" / "12-queue.yaml"
HEADER = "S. No.,Product Name,Input Image Urls\n"
#: The longest wait for one state of a batch, also on a busy machine.
SECONDS = 400.0
CLASSES = {"low": 10, "high": 100, "urgent": 1000}


@pytest.fixture(scope="module")
def installed(stack: Stack) -> Iterator[None]:
    kueue.install(stack)
    classes = (kueue.priority_class(name, value) for name, value in CLASSES.items())
    apply(stack, kueue.resource("ResourceFlavor", "any"), *classes)
    yield
    for kind in ("imagebatches", "localqueues", "clusterqueues"):
        stack.batches("delete", kind, "--all", "--timeout=120s")
    kueue.uninstall(stack)


def batch(
    name: str,
    queue: str | None,
    *,
    images: int = 1,
    seconds: float = 0,
    priority: str | None = None,
    **spec: Any,
) -> dict[str, Any]:
    """A batch in a queue whose image host takes ``seconds`` for each image."""
    urls = (f"{SAMPLEHOST_URL}/slow?seconds={seconds}&n={name}-{n}" for n in range(images))
    rows = "".join(f"{n},Product {n},{url}\n" for n, url in enumerate(urls))
    made = manifest(name, source={"inline": HEADER + rows}, **spec)
    labels = {LABEL_KUEUE_QUEUE: queue, LABEL_KUEUE_PRIORITY: priority}
    made["metadata"]["labels"] = {name: value for name, value in labels.items() if value}
    return made


def holder(name: str, queue: str) -> dict[str, Any]:
    """A batch of one pod at a time that runs for more than ten minutes."""
    return batch(name, queue, images=120, seconds=5, imagesPerShard=1, parallelism=1)


def patch(stack: Stack, name: str, **spec: Any) -> None:
    text = json.dumps({"spec": spec})
    stack.batches("patch", "imagebatch", name, "--type=merge", "-p", text)


def wait_for(
    stack: Stack, name: str, what: Callable[[dict[str, Any]], bool], seconds: float = SECONDS
) -> dict[str, Any]:
    """Return the status of a batch once something is true for it."""
    end = time.monotonic() + seconds
    while True:
        status: dict[str, Any] = get(stack, name).get("status", {})
        if status.get("conditions") and what(status):
            return status
        assert time.monotonic() < end, f"{name}: {json.dumps(status)}"
        time.sleep(0.3)


def is_queued(status: dict[str, Any]) -> bool:
    reconciling = condition(status, "Reconciling")
    told = (status["phase"], reconciling["status"], reconciling["reason"])
    return told == ("Pending", "True", "Queued")


def message(status: dict[str, Any]) -> str:
    return str(condition(status, "Reconciling")["message"])


def is_compressing(status: dict[str, Any]) -> bool:
    return condition(status, "Reconciling")["reason"] == "Compressing"


def has_done(shards: int) -> Callable[[dict[str, Any]], bool]:
    return lambda status: (status.get("shards") or {}).get("done", 0) >= shards


def has_shards(status: dict[str, Any]) -> bool:
    return bool((status.get("shards") or {}).get("total"))


def items(stack: Stack, kind: str, name: str) -> list[dict[str, Any]]:
    """The Jobs or pods of a batch."""
    uid = get(stack, name)["metadata"]["uid"]
    found = json.loads(stack.batches("get", kind, "-l", f"{LABEL_BATCH_UID}={uid}", "-o", "json"))
    return list(found["items"])


def live_pods(stack: Stack, *names: str) -> int:
    pods = [pod for name in names for pod in items(stack, "pods", name)]
    return sum(pod["status"]["phase"] in ("Pending", "Running") for pod in pods)


def reserved(stack: Stack, queue: str) -> int:
    """The number of pods for which the queue's quota is reserved."""
    found = json.loads(stack.kubectl("get", "clusterqueue", queue, "-o", "json"))
    usage = found["status"]["flavorsReservation"][0]["resources"]
    return next(int(one["total"]) for one in usage if one["name"] == "pods")


def workloads(stack: Stack, name: str) -> list[dict[str, Any]]:
    """Kueue's unfinished Workloads of a batch."""
    jobs = {job["metadata"]["uid"] for job in items(stack, "jobs", name)}
    found = json.loads(stack.batches("get", "workloads.kueue.x-k8s.io", "-o", "json"))["items"]
    return [
        one
        for one in found
        if one["metadata"]["labels"].get("kueue.x-k8s.io/job-uid") in jobs
        and not any(
            (c["type"], c["status"]) == ("Finished", "True")
            for c in one.get("status", {}).get("conditions", [])
        )
    ]


def fetches(stack: Stack) -> int:
    """How many images the host was asked for so far."""
    return int(httpx.get(f"{stack.samplehost}/stats").json()["requests"].get("/slow", 0))


def assert_whole(gateway: httpx.Client, name: str, images: int) -> None:
    """Every row is in the report once, with its output."""
    answer = gateway.get(f"/api/download/{name}")
    assert answer.status_code == 200, answer.text
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [int(row["S. No."]) for row in rows] == list(range(images))
    assert all(row["Output Image Urls"] for row in rows)


def test_a_batch_waits_until_the_quota_is_free(stack: Stack, gateway: httpx.Client) -> None:
    apply(stack, *kueue.queue("narrow", pods=2))
    big = {"images": 12, "seconds": 4, "imagesPerShard": 2, "parallelism": 2}
    apply(stack, batch("first", "narrow", **big))
    wait_for(stack, "first", lambda status: live_pods(stack, "first") == 2)
    wait_for(stack, "first", is_compressing)
    apply(stack, batch("second", "narrow", **big))
    wait_for(stack, "second", is_queued)
    assert live_pods(stack, "second") == 0
    assert gateway.get("/api/status/second").json()["status"] == "pending"
    most = 0
    while get(stack, "second")["status"]["phase"] not in ("Completed", "Failed"):
        most = max(most, reserved(stack, "narrow"))
        time.sleep(0.5)
    assert most == 2
    for name in ("first", "second"):
        assert finished(stack, name, SECONDS)["phase"] == "Completed"
        assert_whole(gateway, name, 12)


def test_a_suspended_batch_frees_its_quota_and_loses_nothing(
    stack: Stack, gateway: httpx.Client
) -> None:
    apply(stack, *kueue.queue("shared", pods=2))
    before = fetches(stack)
    apply(stack, batch("paused", "shared", images=12, seconds=5, imagesPerShard=2, parallelism=2))
    wait_for(stack, "paused", has_done(1))
    apply(stack, batch("other", "shared", images=4, imagesPerShard=2, parallelism=2))
    wait_for(stack, "other", is_queued)
    patch(stack, "paused", suspend=True)
    wait_for(stack, "paused", lambda status: status["phase"] == "Suspended")
    assert finished(stack, "other", SECONDS)["phase"] == "Completed"
    status = wait_for(stack, "paused", lambda status: not live_pods(stack, "paused"))
    assert workloads(stack, "paused") == []
    assert status["shards"]["done"] < 6
    patch(stack, "paused", suspend=False)
    ended = finished(stack, "paused", SECONDS)
    assert (ended["phase"], ended["images"]["succeeded"]) == ("Completed", 12)
    assert ended["runs"]["shards"] == [2]
    for name, images in (("paused", 12), ("other", 4)):
        assert_whole(gateway, name, images)
    # Only what two pods of two images each were at may be fetched again.
    assert fetches(stack) - before <= 12 + 4 + 4


def test_a_batch_leaves_the_queue_when_its_label_is_taken_off_or_changed(
    stack: Stack, gateway: httpx.Client
) -> None:
    apply(stack, *kueue.queue("full", pods=1), *kueue.queue("empty", pods=1))
    apply(stack, holder("holder", "full"))
    wait_for(stack, "holder", is_compressing)
    small = {"images": 2, "imagesPerShard": 1, "parallelism": 1}
    apply(stack, *(batch(name, "full", **small) for name in ("leaves", "moves")))
    apply(stack, batch("misspelt", "emtpy", **small))
    why = {
        "leaves": "waits in the Kueue queue full: couldn't assign flavors",
        "moves": "waits in the Kueue queue full: couldn't assign flavors",
        "misspelt": "waits in the Kueue queue emtpy: LocalQueue emtpy doesn't exist",
    }
    for name, text in why.items():
        status = wait_for(stack, name, lambda status, text=text: text in message(status))
        assert is_queued(status)
    stack.batches("label", "imagebatch", "leaves", f"{LABEL_KUEUE_QUEUE}-")
    stack.batches(
        "label", "imagebatch", "moves", "misspelt", "--overwrite", f"{LABEL_KUEUE_QUEUE}=empty"
    )
    for name in ("leaves", "moves", "misspelt"):
        assert finished(stack, name, SECONDS)["phase"] == "Completed"
        assert_whole(gateway, name, 2)
    assert get(stack, "holder")["status"]["phase"] == "Processing"
    # The queue is full, and the report of a cancelled batch needs no place in it.
    apply(stack, batch("next", "full"))
    wait_for(stack, "next", is_queued)
    patch(stack, "holder", cancel=True)
    assert finished(stack, "holder", SECONDS)["phase"] == "Cancelled"
    assert finished(stack, "next", SECONDS)["phase"] == "Completed"


def test_kueues_priority_decides_who_is_next_and_may_change_meanwhile(stack: Stack) -> None:
    apply(stack, *kueue.queue("ordered", pods=1))
    apply(stack, holder("current", "ordered"))
    wait_for(stack, "current", is_compressing)
    waiting = {"usual": None, "p-low": "low", "p-high": "high", "p-raised": "low"}
    for name, priority in waiting.items():
        apply(stack, batch(name, "ordered", priority=priority))
        wait_for(stack, name, is_queued)
    stack.batches(
        "label", "imagebatch", "p-raised", "--overwrite", f"{LABEL_KUEUE_PRIORITY}=urgent"
    )
    values = {"usual": 0, "p-low": 10, "p-high": 100, "p-raised": 1000}

    def priorities() -> dict[str, int]:
        return {name: one["spec"]["priority"] for name in waiting for one in workloads(stack, name)}

    wait_for(stack, "p-raised", lambda _: priorities() == values)
    patch(stack, "current", cancel=True)
    ended = {name: finished(stack, name, SECONDS) for name in waiting}
    assert {status["phase"] for status in ended.values()} == {"Completed"}
    order = sorted(waiting, key=lambda name: ended[name]["completionTime"])
    assert order == ["p-raised", "p-high", "p-low", "usual"]


def test_a_batch_with_a_priority_of_its_own_waits_in_a_queue_until_it_is_taken_back(
    stack: Stack,
) -> None:
    apply(stack, *kueue.queue("own", pods=1))
    made = batch("own-priority", "own")
    made["spec"]["priority"] = 5
    apply(stack, made)
    status = wait_for(
        stack, "own-priority", lambda status: condition(status, "Stalled")["status"] == "True"
    )
    assert LABEL_KUEUE_PRIORITY in condition(status, "Accepted")["message"]
    assert items(stack, "jobs", "own-priority") == []
    patch(stack, "own-priority", priority=0)
    assert finished(stack, "own-priority", SECONDS)["phase"] == "Completed"


def test_a_preempted_batch_waits_and_goes_on_where_it_was(
    stack: Stack, gateway: httpx.Client
) -> None:
    apply(stack, *kueue.queue("preempting", pods=2, preempts=True))
    before = fetches(stack)
    bulk = {"images": 12, "seconds": 5, "imagesPerShard": 2, "parallelism": 2}
    apply(stack, batch("bulk", "preempting", priority="low", **bulk))
    wait_for(stack, "bulk", has_done(1))
    small = {"images": 4, "seconds": 3, "imagesPerShard": 2, "parallelism": 2}
    apply(stack, batch("rush", "preempting", priority="high", **small))
    wait_for(stack, "bulk", is_queued)
    rush, bulk_ended = finished(stack, "rush", SECONDS), finished(stack, "bulk", SECONDS)
    assert (rush["phase"], bulk_ended["phase"]) == ("Completed", "Completed")
    assert rush["completionTime"] < bulk_ended["completionTime"]
    assert bulk_ended["paused"]["seconds"] > 0
    for name, images in (("bulk", 12), ("rush", 4)):
        assert_whole(gateway, name, images)
    # Kueue may stop the bulk for each of the three Jobs of the other batch.
    assert fetches(stack) - before <= 12 + 4 + 3 * 4


def test_batches_never_block_each_other_in_a_queue_with_room_for_one_pod(
    stack: Stack, gateway: httpx.Client
) -> None:
    """Plan, shards and collect are admitted one by one, so their batches take turns."""
    apply(stack, *kueue.queue("tight", pods=1))
    names = ["tight-1", "tight-2", "tight-3"]
    shape = {"images": 2, "imagesPerShard": 1, "parallelism": 1}
    apply(stack, *(batch(name, "tight", **shape) for name in names))
    for name in names:
        assert finished(stack, name, SECONDS)["phase"] == "Completed"
        assert_whole(gateway, name, 2)


def test_a_batch_larger_than_its_queue_goes_on_with_a_lower_parallelism(
    stack: Stack, gateway: httpx.Client
) -> None:
    apply(stack, *kueue.queue("small", pods=2))
    apply(stack, batch("large", "small", images=4, imagesPerShard=1, parallelism=3))
    wait_for(stack, "large", has_shards)
    wait_for(stack, "large", lambda status: "maximum capacity (2)" in message(status))
    assert is_queued(get(stack, "large")["status"])
    patch(stack, "large", parallelism=2)
    assert finished(stack, "large", SECONDS)["phase"] == "Completed"
    assert_whole(gateway, "large", 4)


def test_the_queue_of_the_documentation_admits_the_example(stack: Stack) -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", DOCUMENTATION.read_text(), re.DOTALL)
    documents = [one for one in yaml.safe_load_all(block) if one["kind"] != "ImageBatch"]
    for one in documents:
        if "namespace" in one["metadata"]:
            one["metadata"]["namespace"] = stack.namespace
    apply(stack, *documents)
    text = EXAMPLE.read_text().replace("https://images.example.com", SAMPLEHOST_URL)
    stack.kubectl("-n", stack.namespace, "apply", "-f", "-", stdin=text)
    assert finished(stack, "queued", SECONDS)["phase"] == "Completed"
    events = json.loads(
        stack.batches("get", "events", "--field-selector", "reason=Admitted", "-o", "json")
    )["items"]
    admitted = [one for one in events if one["involvedObject"]["name"].startswith("job-queued-")]
    assert any("ClusterQueue images" in one["message"] for one in admitted)


def test_the_default_queue_of_a_namespace_takes_batches_without_a_label(
    stack: Stack, gateway: httpx.Client
) -> None:
    apply(stack, *kueue.queue("common", pods=1), kueue.local_queue("default", "common"))
    try:
        apply(stack, holder("occupies", "common"))
        wait_for(stack, "occupies", is_compressing)
        apply(stack, batch("unlabelled", None, images=2, imagesPerShard=1, parallelism=1))
        status = wait_for(stack, "unlabelled", is_queued)
        assert "Kueue queue default" in message(status)
        patch(stack, "occupies", cancel=True)
        assert finished(stack, "unlabelled", SECONDS)["phase"] == "Completed"
        assert_whole(gateway, "unlabelled", 2)
    finally:
        stack.batches("delete", "localqueue", "default")
