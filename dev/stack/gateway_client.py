"""Use the gateway as a user does: upload, follow and download, and check the webhook."""

from __future__ import annotations

import base64
import csv
import io
import shutil
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from standardwebhooks import Webhook

from .errors import StackFailed
from .say import say
from .stack import Stack

_BATCH_SECONDS = 300.0
_WEBHOOK_SECONDS = 60.0
_FINISHED = ("completed", "failed", "cancelled")


def upload(client: httpx.Client, text: str, **options: str) -> str:
    """Upload a CSV with these form fields and return the requestId.

    Raises StackFailed with the gateway's response.
    """
    answer = client.post(
        "/api/upload", files={"file": ("products.csv", text.encode(), "text/csv")}, data=options
    )
    if answer.status_code != 200:
        raise StackFailed(f"upload: {answer.status_code} {answer.text}")
    return str(answer.json()["requestId"])


def follow(
    client: httpx.Client, request_id: str, seconds: float = _BATCH_SECONDS
) -> dict[str, Any]:
    """Wait until a batch has ended, and show each change; return its last status.

    Raises StackFailed if it has not ended after ``seconds``.
    """
    shown = ""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = client.get(f"/api/status/{request_id}")
        answer.raise_for_status()
        status: dict[str, Any] = answer.json()
        images = status.get("images") or {}
        text = f"{status['status']}: {images.get('done', 0)} of {images.get('total', '?')} images"
        if text != shown:
            say(text)
            shown = text
        if status["status"] in _FINISHED:
            return status
        time.sleep(0.3)
    raise StackFailed(f"batch {request_id} is not finished after {seconds:.0f} s; last: {shown}")


def download(client: httpx.Client, request_id: str, out: Path) -> list[Path]:
    """Save the output CSV and all its images below ``out``; return the paths of the images."""
    shutil.rmtree(out, ignore_errors=True)
    (out / "images").mkdir(parents=True)
    answer = client.get(f"/api/download/{request_id}")
    answer.raise_for_status()
    (out / "output.csv").write_bytes(answer.content)
    saved: list[Path] = []
    for row in csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))):
        for url in filter(None, row["Output Image Urls"].split(",")):
            image = client.get(url)
            image.raise_for_status()
            target = out / "images" / urlsplit(url).path.rpartition("/")[2]
            target.write_bytes(image.content)
            saved.append(target)
    return saved


def verified_webhook(stack: Stack, request_id: str) -> str:
    """Wait for the webhook, check its signature with another library, and return its body.

    Raises StackFailed if it does not arrive.
    """
    end = time.monotonic() + _WEBHOOK_SECONDS
    while time.monotonic() < end:
        answer = httpx.get(f"{stack.samplehost}/hooks", params={"q": request_id})
        for one in answer.json():
            body = base64.b64decode(one["body_base64"])
            Webhook(stack.signing_secret()).verify(body, one["headers"])
            return body.decode()
        time.sleep(0.3)
    raise StackFailed("the webhook did not arrive")
