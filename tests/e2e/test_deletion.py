"""Deleting an ImageBatch, and what stays of it in the bucket: with each deletionPolicy."""

from __future__ import annotations

import json
import time

from e2e.manifest import apply, children, finished, get, manifest
from stack.samplehost_manifests import SAMPLEHOST_URL
from stack.stack import NAMESPACE, Stack

THREE = "S. No.,Product Name,Input Image Urls\n" + "".join(
    f"{n},Cat,{SAMPLEHOST_URL}/photos/n/{n}.jpg\n" for n in range(1, 4)
)


def _objects(stack: Stack, uid: str) -> int:
    """How many objects of a batch the bucket holds, as the store itself counts them."""
    command = (
        f"echo 'fs.tree /buckets/imagebatch/{NAMESPACE}/{uid}' | weed shell -master=127.0.0.1:9333"
    )
    told = stack.batches("exec", "deploy/imagebatch-local-s3", "--", "sh", "-c", command)
    return int(told.rstrip().rsplit(" directories, ", 1)[1].removesuffix(" files"))


def _sweep(stack: Stack, name: str, ends: str = "Complete", **env_over: str) -> str:
    """Run the CronJob's Job now, without its hour of patience, and return its log.

    ``ends`` is the condition that the Job gets, ``env_over`` replaces variables of its pod.
    """
    cron_job = "--from=cronjob/imagebatch-sweep"
    made = json.loads(
        stack.batches("create", "job", name, cron_job, "--dry-run=client", "-o", "json")
    )
    env = made["spec"]["template"]["spec"]["containers"][0]["env"]
    changed = {"IMAGEBATCH_SWEEP_DELETED_MINUTES": "0", **env_over}
    env[:] = [one for one in env if one["name"] not in changed]
    env += [{"name": name, "value": value} for name, value in changed.items()]
    apply(stack, made)
    stack.batches("wait", f"--for=condition={ends}", f"job/{name}", "--timeout=90s")
    return stack.batches("logs", f"job/{name}")


def test_delete_leaves_no_object_behind_retain_all_of_them_and_a_running_batch_keeps_its_own(
    stack: Stack,
) -> None:
    policies = {"goes": "Delete", "stays": "Retain", "lives": "Delete"}
    apply(
        stack,
        *(
            manifest(name, source={"inline": THREE}, imagesPerShard=1, deletionPolicy=policy)
            for name, policy in policies.items()
        ),
    )
    uids = {}
    for name in policies:
        assert finished(stack, name)["phase"] == "Completed"
        uids[name] = get(stack, name)["metadata"]["uid"]
    before = {name: _objects(stack, uid) for name, uid in uids.items()}
    assert all(count > 8 for count in before.values()), before
    slow = [f"{SAMPLEHOST_URL}/slow?seconds=4&photo=chelsea.jpg&n={n}" for n in range(48)]
    rows = "".join(f"{n},Cat,{url}\n" for n, url in enumerate(slow))
    source = {"inline": THREE + rows}
    works = manifest(
        "works", source=source, imagesPerShard=17, parallelism=1, deletionPolicy="Delete"
    )
    apply(stack, works)

    stack.batches("delete", "imagebatch", "goes", "stays")
    end = time.monotonic() + 60
    while children(stack, uids["goes"]) and time.monotonic() < end:
        time.sleep(0.5)
    broken = _sweep(stack, "sweep-broken", "Failed", AWS_SECRET_ACCESS_KEY="another")
    assert "nothing was removed" in broken
    assert {name: _objects(stack, uid) for name, uid in uids.items()} == before

    assert get(stack, "works")["status"]["phase"] == "Processing"
    log = _sweep(stack, "sweep-now")
    assert uids["goes"] in log
    after = {name: _objects(stack, uid) for name, uid in uids.items()}
    assert after == before | {"goes": 0}
    status = finished(stack, "works")
    assert (status["phase"], status["images"]["failed"]) == ("Completed", 0)
