"""The sample host, run as the demo runs it: as a folder, on a free port."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from samplehost.photos import PHOTOS, numbered

TOKEN = "members-only"
FOLDER = Path(__file__).resolve().parents[3] / "dev" / "samplehost"


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    """Its photographs are drawn once for each version of their recipe, and kept in the cache."""
    with subprocess.Popen(
        [sys.executable, str(FOLDER), "serve", "--port", "0"],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "SAMPLEHOST_TOKEN": TOKEN},
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            yield process.stdout.readline().rpartition(" ")[2].strip()
        finally:
            process.terminate()
            assert process.wait(10) == 0


def _get(url: str, *, data: bytes | None = None, headers: dict[str, str] | None = None) -> Any:
    request = urllib.request.Request(url, data=data, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers.get_content_type(), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers.get_content_type(), error.read()


def test_every_photo_has_its_size_and_type(host: str) -> None:
    for photo in PHOTOS:
        status, kind, body = _get(f"{host}/photos/{photo.name}")
        assert status == 200
        image = Image.open(io.BytesIO(body))
        assert image.size == (photo.width, photo.height)
        assert kind == f"image/{(image.format or '').lower()}"


def test_members_photos_want_the_token(host: str) -> None:
    url = f"{host}/members/chelsea.jpg"
    assert _get(url)[0] == 401
    assert _get(url, headers={"Authorization": "Bearer other"})[0] == 401
    assert _get(url, headers={"Authorization": f"Bearer {TOKEN}"})[0] == 200


def test_numbered_photos_differ_in_every_byte_hash_and_decode(host: str) -> None:
    bodies = [_get(f"{host}/photos/n/{number}.jpg")[2] for number in (0, 12, 24)]
    assert len(set(bodies)) == 3
    pixels = {Image.open(io.BytesIO(body)).convert("RGB").tobytes() for body in bodies}
    assert len(pixels) == 1


def test_the_number_is_a_valid_comment_of_the_jpeg() -> None:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(out, "JPEG")
    image = Image.open(io.BytesIO(numbered(out.getvalue(), 7)))
    image.load()
    assert image.info["comment"] == b"sample 7"


def test_what_is_no_image_says_otherwise_in_its_name_only(host: str) -> None:
    assert _get(f"{host}/not-an-image.jpg")[:2] == (200, "text/html")
    assert _get(f"{host}/photos/none.jpg")[0] == 404
    assert _get(f"{host}/status/418")[0] == 418


def test_a_flaky_photo_comes_after_its_failures(host: str) -> None:
    answers = [_get(f"{host}/flaky/2/hubble.jpg?here")[0] for _ in range(3)]
    assert answers == [503, 503, 200]


def test_webhooks_are_kept_as_they_came_and_may_be_told_to_fail(host: str) -> None:
    body = '{"type": "x", "text": "ü"}'.encode()
    headers = {"webhook-id": "msg_1", "webhook-signature": "v1,abc"}
    url = f"{host}/hook/shop?fail=1"
    assert [_get(url, data=body, headers=headers)[0] for _ in range(2)] == [500, 200]
    deliveries = json.loads(_get(f"{host}/hooks?q=shop")[2])
    assert [one["answered"] for one in deliveries] == [500, 200]
    assert base64.b64decode(deliveries[1]["body_base64"]) == body
    assert deliveries[1]["headers"]["webhook-signature"] == "v1,abc"
    assert json.loads(_get(f"{host}/hooks?q=elsewhere")[2]) == []


def test_stats_count_requests_by_route(host: str) -> None:
    before = json.loads(_get(f"{host}/stats")[2])["requests"].get("/photos/n/{number}.jpg", 0)
    for number in range(3):
        _get(f"{host}/photos/n/{number}.jpg")
    after = json.loads(_get(f"{host}/stats")[2])["requests"]["/photos/n/{number}.jpg"]
    assert after - before == 3


def test_times_tell_when_photographs_were_asked_for(host: str) -> None:
    began = time.time()
    _get(f"{host}/photos/n/7.jpg")
    _get(f"{host}/stats")
    [moment] = json.loads(_get(f"{host}/times?since={began}")[2])
    assert began <= moment <= time.time()
