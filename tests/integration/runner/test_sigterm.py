"""SIGTERM ends every step with 143 within its grace period, whatever it waits for."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from threading import Event
from typing import Any

import pytest

from support.imagehost import ImageHost
from support.pictures import jpeg
from support.runnerbatch import RunnerBatch, products
from support.s3proxy import Mode, S3Proxy
from support.seaweedfs import SeaweedFS

Build = Callable[..., RunnerBatch]

GRACE = 3.0
#: What a loaded machine may take on top, to start a thread and end a process.
LATE = 10.0


@pytest.fixture
def proxy(s3: SeaweedFS) -> Iterator[S3Proxy]:
    with S3Proxy(s3) as made:
        yield made


def through(batch: Build, proxy: S3Proxy, urls: list[str], **job: object) -> RunnerBatch:
    built = batch(products(urls), **job)
    built.settings |= proxy.env() | {
        "IMAGEBATCH_GRACE_SECONDS": str(GRACE),
        "IMAGEBATCH_PART_IMAGES": "8",
        "IMAGEBATCH_FETCH_CONCURRENCY": "4",
    }
    return built


def terminated(built: RunnerBatch, process: subprocess.Popen[str]) -> float:
    """Seconds that the step took to end with 143, without a message."""
    start = time.monotonic()
    built.kill(process, signal.SIGTERM)
    ended = built.wait(process, GRACE + LATE)
    assert (ended.code, ended.message) == (143, None), ended.log
    return time.monotonic() - start


def until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not done() and time.monotonic() < end:
        time.sleep(0.01)


def until_met(proxy: S3Proxy, mode: Mode) -> None:
    """Until a request runs into the outage."""
    until(lambda: any(met == mode for met, _ in proxy.requests))


@pytest.mark.parametrize("step", ["plan", "compress", "collect"])
def test_step_that_waits_for_a_silent_store_ends(
    batch: Build, host: ImageHost, proxy: S3Proxy, step: str
) -> None:
    """From its first request on: the main thread is within a call to the store."""
    built = through(batch, proxy, [host.url(f"{n}.jpg") for n in range(9)], imagesPerShard=3)
    assert built.run("plan").code == 0
    proxy.requests.clear()
    proxy.fail("hang")
    process = built.start(step)
    until_met(proxy, "hang")
    time.sleep(0.5)
    terminated(built, process)


@pytest.mark.parametrize(("mode", "shard"), [("refuse", 60), ("hang", 60), ("refuse", 5000)])
def test_shard_ends_while_the_store_fails_and_loses_only_what_is_unrecorded(
    batch: Build, host: ImageHost, proxy: S3Proxy, mode: Mode, shard: int
) -> None:
    urls = [host.slow(f"{n}.jpg", jpeg(size=(120 + n, 100)), 0.1) for n in range(60)]
    missing = [host.url(f"none-{n}.jpg") for n in range(shard + 1 - len(urls))]
    built = through(batch, proxy, [*urls, *missing], imagesPerShard=shard)
    unrecorded = 8 if shard == 60 else 50
    built.settings["IMAGEBATCH_PART_IMAGES"] = str(unrecorded)
    assert built.run("plan").code == 0
    process = built.start("compress", 0)
    built.wait_for_parts(1)
    proxy.fail(mode)
    time.sleep(2)
    terminated(built, process)
    proxy.heal()
    recorded = built.recorded()
    assert len(host.requests.keys() - recorded) <= unrecorded
    before = host.requests.copy()
    assert built.run("compress", 0).code == 0
    assert all(host.requests[path] == before[path] for path in recorded)


def test_small_batch_ends_while_the_store_fails(
    batch: Build, host: ImageHost, proxy: S3Proxy
) -> None:
    urls = [host.slow(f"{n}.jpg", jpeg(size=(120 + n, 100)), 0.1) for n in range(60)]
    built = through(batch, proxy, urls)
    process = built.start("plan")
    built.wait_for_parts(1)
    proxy.fail("hang")
    time.sleep(1)
    terminated(built, process)
    proxy.heal()
    ended = built.run("plan")
    assert ended.code == 0
    assert [line["status"] for line in built.report()] == ["succeeded"] * 60


def test_shard_leaves_images_that_wait_for_their_next_attempt(
    batch: Build, host: ImageHost, proxy: S3Proxy
) -> None:
    later = {"Retry-After": "50"}
    urls = [host.status(f"{n}.jpg", 429, later) for n in range(20)]
    built = through(batch, proxy, urls)
    process = built.start("plan")
    until(lambda: bool(host.requests))
    time.sleep(1)
    assert terminated(built, process) < LATE
    assert not built.recorded()


def test_image_whose_attempt_fails_after_the_signal_is_not_tried_again(
    batch: Build, host: ImageHost, proxy: S3Proxy
) -> None:
    stopping = Event()

    def answer(handler: Any) -> None:
        stopping.wait(60)
        handler.reply(503, b"", "text/plain")

    built = through(batch, proxy, [host.on(f"{n}.jpg", answer) for n in range(3)])
    built.settings["IMAGEBATCH_GRACE_SECONDS"] = "60"
    process = built.start("plan")
    until(lambda: len(host.requests) == 3)
    built.kill(process, signal.SIGTERM)
    until(lambda: "no further image is begun" in built.log())
    stopping.set()
    ended = built.wait(process)
    assert ended.code == 143
    assert list(host.requests.values()) == [1, 1, 1]
    assert not built.recorded()


def test_step_ends_as_the_first_process_of_its_namespace(
    batch: Build, host: ImageHost, proxy: S3Proxy
) -> None:
    """As in a pod, where the kernel keeps signals without a handler from it."""
    built = through(batch, proxy, [host.url(f"{n}.jpg") for n in range(9)], imagesPerShard=3)
    proxy.fail("hang")
    around = built.start("plan", prefix=("unshare", "--pid", "--fork", "--kill-child"))
    until_met(proxy, "hang")
    time.sleep(1)
    children = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(around.pid)], capture_output=True, text=True, check=True
    )
    os.kill(int(children.stdout), signal.SIGTERM)
    assert built.wait(around, GRACE + LATE).code == 143
