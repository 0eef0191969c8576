"""What an interrupted process leaves: all that it fetched, and no process of its own."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable

import pytest

from support.imagehost import ImageHost
from support.pictures import jpeg
from support.runnerbatch import RunnerBatch, products

Build = Callable[..., RunnerBatch]

IMAGES = 200
PART = 20
#: Images of the first shard; the second one has 50.
SHARD = pytest.mark.parametrize("shard", [IMAGES - 50, 5000])


@pytest.fixture
def urls(host: ImageHost) -> list[str]:
    """Distinct photographs, one place that is missing, hosts that take 30 ms each."""
    found = [host.slow(f"{n}.jpg", jpeg(size=(160 + n % 40, 120)), 0.03) for n in range(IMAGES - 1)]
    return [*found, host.url("missing.jpg")]


def planned(
    batch: Build, host: ImageHost, urls: list[str], shard: int = IMAGES - 50
) -> RunnerBatch:
    """A batch of these images and, in a larger shard, of further ones that are missing."""
    more = [host.url(f"none-{n}.jpg") for n in range(shard + 50 - len(urls))]
    built = batch(products([*urls, *more]), imagesPerShard=shard)
    built.settings |= {
        "IMAGEBATCH_PART_IMAGES": str(PART),
        "IMAGEBATCH_FETCH_CONCURRENCY": "4",
        "IMAGEBATCH_FETCH_WINDOW": "8",
    }
    assert built.run("plan").code == 0
    return built


@SHARD
def test_sigterm_records_what_is_done_and_says_interrupted(
    batch: Build, host: ImageHost, urls: list[str], shard: int
) -> None:
    built = planned(batch, host, urls, shard)
    process = built.start("compress", 0, pod="pod-a")
    built.wait_for_parts(1)
    start = time.monotonic()
    built.kill(process, signal.SIGTERM)
    assert built.wait(process).code == 143
    assert time.monotonic() - start < 10
    recorded = sum(len(built.get(k).splitlines()) for k in built.list(built.keys.results))
    assert PART // 2 <= recorded < IMAGES - 50
    assert recorded == sum(host.requests.values())  # nothing that was fetched is forgotten
    assert built.run("compress", 0, pod="pod-a").code == 0
    assert sum(host.requests.values()) <= shard + 1
    assert len(built.list(built.keys.shard_results(0))) >= 2


@SHARD
def test_report_of_an_early_end_has_what_is_done_and_names_the_rest(
    batch: Build, host: ImageHost, urls: list[str], shard: int
) -> None:
    built = planned(batch, host, urls, shard)
    process = built.start("compress", 0)
    built.wait_for_parts(1)
    built.kill(process, signal.SIGTERM)
    assert built.wait(process).code == 143
    done = len(built.recorded())
    built.job["notProcessed"] = "not reached before the batch ended early: cancelled"
    collected = built.run("collect")
    assert collected.code == 0
    assert collected.message is not None
    assert collected.message.totals is not None
    assert collected.message.totals.images == shard + 50
    rest = [line for line in built.report() if line["error_code"] == "not_processed"]
    assert len(rest) == shard + 50 - done
    assert all(line["retryable"] and line["status"] == "failed" for line in rest)
    assert rest[-1]["error_message"] == built.job["notProcessed"]


def test_collect_of_an_early_end_before_plan_says_that_nothing_was_planned(batch: Build) -> None:
    built = batch(products(["https://a.example/1.jpg"]), notProcessed="cancelled")
    ended = built.run("collect")
    assert ended.code == 2
    assert ended.message is not None
    assert ended.message.error == "nothing was planned"


def test_sigterm_with_hanging_hosts_ends_within_the_grace_period(
    batch: Build, host: ImageHost
) -> None:
    good = [host.add(f"{n}.jpg", jpeg(size=(100, 80 + n))) for n in range(4)]
    hanging = [host.slow(f"slow{n}.jpg", b"", 60) for n in range(4)]
    built = batch(products(good + hanging), imagesPerShard=4 + 4)
    built.settings |= {"IMAGEBATCH_GRACE_SECONDS": "1", "IMAGEBATCH_PART_IMAGES": "4"}
    process = built.start("plan")  # one shard: the plan pod goes on by itself
    built.wait_for_parts(1)
    start = time.monotonic()
    built.kill(process, signal.SIGTERM)
    ended = built.wait(process)
    assert (ended.code, ended.message) == (143, None)
    assert time.monotonic() - start < 6


def test_images_that_all_redirect_within_their_host_do_not_wait_for_each_other(
    batch: Build, host: ImageHost
) -> None:
    """More of them than claims and slots: who holds one of either must get the other."""
    for n in range(80):
        host.slow(f"{n}.jpg", jpeg(size=(100, 80 + n)), 0.02)
    urls = [host.redirect(f"old{n}", f"/{n}.jpg") for n in range(80)]
    built = batch(products(urls))
    built.settings["IMAGEBATCH_PART_IMAGES"] = "10"
    ended = built.run("plan")
    assert ended.code == 0, ended.log
    assert [line["status"] for line in built.report()] == ["succeeded"] * 80


def test_decoder_processes_die_with_a_killed_runner(
    batch: Build, host: ImageHost, urls: list[str]
) -> None:
    built = planned(batch, host, urls)
    process = built.start("compress", 0)
    built.wait_for_parts(1)
    children = _children(process.pid)
    assert children
    built.kill(process, signal.SIGKILL)
    built.wait(process)
    end = time.monotonic() + 5
    while any(_alive(pid) for pid in children) and time.monotonic() < end:
        time.sleep(0.05)
    assert not [pid for pid in children if _alive(pid)]


def _children(pid: int) -> list[int]:
    found = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    )
    return [int(word) for word in found.stdout.split()]


def _alive(pid: int) -> bool:
    found = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return found.stdout.strip()[:1] not in ("", "Z")
