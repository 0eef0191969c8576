"""A catalogue of several hosts, one of which is no good, goes on at the pace of the others."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.imagehost import ImageHost
from support.pictures import jpeg
from support.runnerbatch import RunnerBatch, products

Build = Callable[..., RunnerBatch]

COUNT = 160


def mixed(batch: Build, bad: list[str], good: ImageHost, **settings: str) -> RunnerBatch:
    """A bad image, a good one and so on; far more of both than are begun at once."""
    data = jpeg(size=(60, 40))
    fine = [good.add(f"{n}.jpg", data) for n in range(len(bad))]
    built = batch(products([url for pair in zip(bad, fine, strict=True) for url in pair]))
    built.settings |= {"IMAGEBATCH_PART_IMAGES": "20", "IMAGEBATCH_FETCH_WINDOW": "24"}
    built.settings |= {"IMAGEBATCH_GRACE_SECONDS": "3", **settings}
    return built


def ends_with_the_good_ones(built: RunnerBatch, good: ImageHost, count: int = COUNT) -> None:
    """Until all of them are recorded; then the step is told to end."""
    process = built.start("plan")
    expected = {f"/{n}.jpg" for n in range(count)}
    end = time.monotonic() + 240
    while not expected <= _paths(built, good) and time.monotonic() < end:
        assert process.poll() is None, built.log()
        time.sleep(0.2)
    recorded = _paths(built, good)
    built.kill(process, signal.SIGTERM)
    built.wait(process)
    assert expected <= recorded, f"{len(recorded)} of {count}"


def _paths(built: RunnerBatch, good: ImageHost) -> set[str]:
    assert set(good.requests.values()) <= {1}
    return built.recorded()


@pytest.mark.parametrize("retries", [0, 3])
def test_host_that_asks_for_pauses_without_end_holds_up_no_other(
    batch: Build, retries: int
) -> None:
    with ImageHost() as busy, ImageHost() as good:
        later = {"Retry-After": "900"}
        bad = [busy.status(f"busy-{n}.jpg", 429, later) for n in range(COUNT)]
        built = mixed(batch, bad, good, IMAGEBATCH_RETRY_MAX_SECONDS="1000")
        built.job["retries"] = retries
        ends_with_the_good_ones(built, good)
        assert 0 < busy.requests.total() <= 8


def test_shop_whose_redirects_lead_to_such_a_host_is_asked_for_its_other_images(
    batch: Build,
) -> None:
    """Of as many as may be under way; how many that are is not the shop's doing."""
    with ImageHost() as busy, ImageHost() as shop:
        later = {"Retry-After": "900"}
        bad = [
            shop.redirect(f"to-{n}.jpg", busy.status(f"busy-{n}.jpg", 429, later))
            for n in range(10)
        ]
        built = mixed(batch, bad, shop, IMAGEBATCH_RETRY_MAX_SECONDS="1000")
        ends_with_the_good_ones(built, shop, 10)


@pytest.mark.parametrize("how", ["by its name", "as a bucket"])
def test_host_that_hardly_answers_holds_up_no_other(batch: Build, tmp_path: Path, how: str) -> None:
    answering = threading.Event()

    def answer(handler: Any) -> None:
        answering.wait(300)

    with ImageHost() as slow, ImageHost() as good:
        bad = [slow.on(f"photos/{n}.jpg", answer) for n in range(COUNT)]
        if how == "as a bucket":
            bad = [f"s3://photos/{n}.jpg" for n in range(COUNT)]
        built = mixed(batch, bad, good, IMAGEBATCH_FETCH_READ_SECONDS="300",
                      IMAGEBATCH_FETCH_TOTAL_SECONDS="300")  # fmt: skip
        keys = {"accessKeyId": "reader", "secretAccessKey": "secret"}
        file = tmp_path / "credentials.json"
        file.write_text(json.dumps({"s3://photos": {**keys, "endpoint": slow.url("")}}))
        built.settings |= {
            "IMAGEBATCH_FETCH_CREDENTIALS_FILE": str(file),
            "IMAGEBATCH_FETCH_S3_ALLOW": "photos",
        }
        try:
            ends_with_the_good_ones(built, good)
        finally:
            answering.set()
        assert slow.requests.total() == 8


def test_host_whose_large_images_hardly_arrive_holds_up_no_other(batch: Build) -> None:
    """The bytes that may be held are waited for in a row."""
    arriving = threading.Event()

    def answer(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(20 << 20))
        handler.end_headers()
        handler.wfile.write(b"\xff\xd8\xff")
        arriving.wait(300)
        handler.close_connection = True

    with ImageHost() as slow, ImageHost() as good:
        bad = [slow.on(f"large-{n}.jpg", answer) for n in range(COUNT)]
        built = mixed(batch, bad, good, IMAGEBATCH_FETCH_READ_SECONDS="300",
                      IMAGEBATCH_FETCH_TOTAL_SECONDS="300",
                      IMAGEBATCH_BYTES_IN_FLIGHT=str(192 << 20))  # fmt: skip
        try:
            ends_with_the_good_ones(built, good)
        finally:
            arriving.set()
        assert slow.requests.total() == 8
