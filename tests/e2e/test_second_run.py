"""An index that fails for good under the real Job controller is run once more, and nothing else."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest

from e2e.manifest import apply, finished, get, manifest
from stack.samplehost_manifests import SAMPLEHOST_URL
from stack.stack import NAMESPACE, Stack

NAME = "fails-at-first"
PER_SHARD = 3
CSV = "S. No.,Product Name,Input Image Urls\n" + "".join(
    f"{n},Cat,{SAMPLEHOST_URL}/photos/n/{n}.jpg\n" for n in range(2 * PER_SHARD)
)


def _move(stack: Stack, uid: str, old: str, new: str) -> None:
    """Rename an object of the batch in the store itself."""
    folder = f"/buckets/imagebatch/{NAMESPACE}/{uid}/shards"
    command = f"echo 'fs.mv {folder}/{old} {folder}/{new}' | weed shell -master=127.0.0.1:9333"
    stack.batches("exec", "deploy/imagebatch-local-s3", "--", "sh", "-c", command)


def _shard_jobs(stack: Stack, uid: str) -> dict[str, dict[str, Any]]:
    label = f"imagebatch.dev/batch-uid={uid},imagebatch.dev/step=compress-0"
    items = json.loads(stack.batches("get", "jobs", "-l", label, "-o", "json"))["items"]
    return {job["metadata"]["labels"]["imagebatch.dev/run"]: job for job in items}


def _photos(stack: Stack) -> int:
    requests = httpx.get(f"{stack.samplehost}/stats").json()["requests"]
    return sum(count for route, count in requests.items() if route.startswith("/photos"))


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_the_failed_index_alone_runs_once_more_and_no_image_is_lost(stack: Stack) -> None:
    """Seven pods of the index fail, with back-offs of 10 s to 320 s between them."""
    spec = {"source": {"inline": CSV}, "imagesPerShard": PER_SHARD, "suspendAfter": "Plan"}
    apply(stack, manifest(NAME, **spec))
    end = time.monotonic() + 90
    while get(stack, NAME).get("status", {}).get("phase") != "Suspended":
        assert time.monotonic() < end, "it is not planned"
        time.sleep(0.5)
    uid = get(stack, NAME)["metadata"]["uid"]
    before = _photos(stack)
    _move(stack, uid, "000000.jsonl", "away")
    patch = '{"spec":{"suspendAfter":null}}'
    stack.batches("patch", "imagebatch", NAME, "--type=merge", "-p", patch)

    end = time.monotonic() + 1100
    while "2" not in (jobs := _shard_jobs(stack, uid)):
        assert time.monotonic() < end, jobs
        time.sleep(2)
    assert jobs["1"]["status"]["failedIndexes"] == "0"
    assert jobs["1"]["status"]["failed"] == 7
    assert jobs["2"]["spec"]["completions"] == 1
    _move(stack, uid, "away", "000000.jsonl")

    status = finished(stack, NAME, 180)
    assert (status["phase"], status["images"]["failed"]) == ("Completed", 0)
    assert status["runs"]["shards"] == [2]
    assert status["shards"] == {"total": 2, "done": 2, "failed": 0, "images": PER_SHARD}
    assert _photos(stack) - before == 2 * PER_SHARD, "no image is fetched twice"
