"""The main job of the demo: the sample CSV through the gateway, each step shown."""

from __future__ import annotations

import time
from pathlib import Path

import httpx

from stack.errors import StackFailed
from stack.gateway_client import download, follow, upload, verified_webhook
from stack.sample import sample_csv
from stack.samplehost_manifests import SAMPLEHOST_URL
from stack.say import say
from stack.stack import Stack


def main_job(stack: Stack, out: Path) -> None:
    """Run the job from the upload to the webhook and show each step."""
    with httpx.Client(base_url=stack.gateway, timeout=30) as client:
        began = time.monotonic()
        hook = f"{SAMPLEHOST_URL}/hook"
        request_id = upload(client, sample_csv(SAMPLEHOST_URL), webhookUrl=hook)
        say(f"uploaded: requestId {request_id}")
        status = follow(client, request_id)
        say(f"upload to {status['status']}: {time.monotonic() - began:.1f} s")
        if status["status"] != "completed":
            raise StackFailed(f"the batch ended as {status['status']}")
        images = download(client, request_id, out)
    body = verified_webhook(stack, request_id)
    shown = stack.batches("get", "imagebatches")
    print(f"\n$ kubectl -n {stack.namespace} get imagebatches\n{shown}")
    size = status["bytes"]
    print(f"bytes:     {size['in']:,} in, {size['out']:,} out, {status['saved']} saved")
    print(f"output:    {out.name}/output.csv and {len(images)} images in {out.name}/images/")
    print(f"webhook:   signature verified; {body}")
    print(f"gateway:   {stack.gateway}  (API page: {stack.gateway}/docs)")
