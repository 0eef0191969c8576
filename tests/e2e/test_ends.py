"""Ends that nobody asked for: no host answers, too many images fail, the time to live is over."""

from __future__ import annotations

import csv
import io
import time

import httpx
import pytest

from e2e.manifest import apply, condition, finished, get, manifest
from stack.errors import StackFailed
from stack.samplehost_manifests import SAMPLEHOST_URL
from stack.stack import Stack

HEADER = "S. No.,Product Name,Input Image Urls\n"
#: A port at which the Service does not listen, and a name that does not exist.
SILENT = ("http://samplehost:81/1.jpg", "http://nobody.imagebatch.invalid/2.jpg")
PER_SHARD = 30
SLOW = 3 * PER_SHARD


def _catalogue(*urls: str) -> str:
    return HEADER + "".join(f"{n},Cat,{url}\n" for n, url in enumerate(urls, 1))


@pytest.fixture(scope="module", autouse=True)
def slow_before(stack: Stack) -> int:
    """Begin all batches at the same time: one waits a minute for its hosts.

    Returns how many slow images were requested before.
    """
    missing = [f"{SAMPLEHOST_URL}/status/404?n={n}" for n in range(PER_SHARD)]
    slow = [f"{SAMPLEHOST_URL}/slow?seconds=5&photo=chelsea.jpg&n={n}" for n in range(SLOW)]
    photo = _catalogue(f"{SAMPLEHOST_URL}/photos/n/1.jpg")
    source = {"inline": _catalogue(*missing, *slow)}
    before = _slow_requests(stack)
    apply(
        stack,
        manifest("unreachable", source={"inline": _catalogue(*SILENT)}),
        manifest("too-many", source=source, maxFailedPercent=10, imagesPerShard=PER_SHARD),
        manifest("goes-soon", source={"inline": photo}, ttlSecondsAfterFinished=3),
    )
    return before


def _slow_requests(stack: Stack) -> int:
    found: dict[str, int] = httpx.get(f"{stack.samplehost}/stats").json()["requests"]
    return found.get("/slow", 0)


def test_a_batch_goes_after_its_time_to_live_and_the_gateway_still_knows_it(
    stack: Stack, gateway: httpx.Client
) -> None:
    end = time.monotonic() + 120
    while stack.batches("get", "imagebatch", "goes-soon", "--ignore-not-found", "-o", "name"):
        assert time.monotonic() < end, get(stack, "goes-soon")["status"]
        time.sleep(0.5)
    with pytest.raises(StackFailed, match="NotFound"):
        get(stack, "goes-soon")
    status = gateway.get("/api/status/goes-soon").json()
    assert (status["status"], status["expired"]) == ("completed", True)
    [url] = status["outputImageUrls"]
    assert httpx.get(url).headers["Content-Type"] == "image/jpeg"
    assert gateway.get("/api/download/goes-soon").text.count("\n") == 2


def test_too_many_failed_images_stop_the_shards_and_the_report_has_every_image(
    stack: Stack, gateway: httpx.Client, slow_before: int
) -> None:
    status = finished(stack, "too-many", 180)
    assert status["phase"] == "Failed"
    assert condition(status, "Succeeded")["reason"] == "TooManyFailed"
    rows = list(csv.DictReader(io.StringIO(gateway.get("/api/download/too-many").text)))
    assert len(rows) == PER_SHARD + SLOW
    # Each shard stops within ten seconds of the time at which another one has failed.
    skipped = sum("not_processed" in row["Error"] for row in rows)
    assert skipped > SLOW / 6
    assert _slow_requests(stack) - slow_before < SLOW, "the rest is not fetched"


def test_a_batch_none_of_whose_hosts_answers_says_so_within_two_minutes(stack: Stack) -> None:
    status = finished(stack, "unreachable", 120)
    assert status["phase"] == "Failed"
    told = condition(status, "Succeeded")
    assert told["reason"] == "SourcesUnreachable"
    assert "any of 2 hosts" in told["message"]
    assert status["runs"] == {"plan": 1, "shards": [], "collect": 0, "lost": 0}, "no pod of a shard"
