"""What a killed, interrupted or repeated process leaves: nothing lost, hardly anything twice."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

import obstore
import pytest

from support.imagehost import ImageHost
from support.pictures import jpeg
from support.runnerbatch import RunnerBatch, products
from support.seaweedfs import SeaweedFS

Build = Callable[..., RunnerBatch]

IMAGES = 200
PART = 20


@pytest.fixture
def urls(host: ImageHost) -> list[str]:
    """Distinct photographs, one place that is missing, hosts that take 30 ms each."""
    found = [host.slow(f"{n}.jpg", jpeg(size=(160 + n % 40, 120)), 0.03) for n in range(IMAGES - 1)]
    return [*found, host.url("missing.jpg")]


def planned(batch: Build, urls: list[str]) -> RunnerBatch:
    built = batch(products(urls), imagesPerShard=150)
    built.settings |= {
        "IMAGEBATCH_PART_IMAGES": str(PART),
        "IMAGEBATCH_FETCH_CONCURRENCY": "4",
        "IMAGEBATCH_FETCH_WINDOW": "8",
    }
    assert built.run("plan").code == 0
    return built


def without_attempts(report: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in line.items() if k != "attempts"} for line in report]


def test_killed_shard_goes_on_from_its_parts(
    batch: Build, host: ImageHost, urls: list[str]
) -> None:
    undisturbed = planned(batch, urls)
    undisturbed.run_all()
    killed = planned(batch, urls)
    killed.uid = undisturbed.uid  # keys hold the uid, so both reports can be compared
    expected = without_attempts(undisturbed.report())
    for key in undisturbed.list(f"{undisturbed.keys.root}"):
        obstore.delete(undisturbed.store, key)
    host.requests.clear()

    assert killed.run("plan").code == 0
    process = killed.start("compress", 0)
    parts = killed.wait_for_parts(3)
    killed.kill(process, signal.SIGKILL)
    assert killed.wait(process).code == -signal.SIGKILL
    bodies = {key: killed.get(key) for key in parts}
    recorded = sum(len(killed.get(k).splitlines()) for k in killed.list(killed.keys.results))
    before = sum(host.requests.values())

    assert killed.run("compress", 0).code == 0
    again = sum(host.requests.values()) - before
    assert again == 150 - recorded
    assert before - recorded <= PART
    assert killed.run("compress", 1).code == 0
    assert killed.run("collect").code == 0
    assert without_attempts(killed.report()) == expected
    assert {key: killed.get(key) for key in parts} == bodies  # parts are never rewritten


def test_sigterm_records_what_is_done_and_says_interrupted(
    batch: Build, host: ImageHost, urls: list[str]
) -> None:
    built = planned(batch, urls)
    process = built.start("compress", 0, pod="pod-a")
    built.wait_for_parts(1)
    start = time.monotonic()
    built.kill(process, signal.SIGTERM)
    assert built.wait(process).code == 143
    assert time.monotonic() - start < 10
    recorded = sum(len(built.get(k).splitlines()) for k in built.list(built.keys.results))
    assert PART // 2 <= recorded < 150
    assert recorded == sum(host.requests.values())  # nothing that was fetched is forgotten
    assert built.run("compress", 0, pod="pod-a").code == 0
    assert sum(host.requests.values()) <= 151
    assert len(built.list(built.keys.shard_results(0))) >= 2


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


def test_two_pods_on_one_shard_leave_one_result_for_each_image(
    batch: Build, host: ImageHost, urls: list[str]
) -> None:
    built = planned(batch, urls)
    pods = [built.start("compress", 0) for _ in range(2)]
    assert [built.wait(pod).code for pod in pods] == [0, 0]
    assert built.run("compress", 1).code == 0
    message = built.run("collect").message
    assert message is not None
    assert message.totals is not None
    assert message.totals.images == IMAGES
    assert (message.totals.succeeded, message.totals.failed) == (IMAGES - 1, 1)


def test_outage_of_the_store_is_waited_for(
    batch: Build, host: ImageHost, urls: list[str], s3: SeaweedFS
) -> None:
    built = planned(batch, urls)
    process = built.start("compress", 0)
    built.wait_for_parts(1)
    s3.pause()
    time.sleep(5)
    s3.resume()
    assert built.wait(process).code == 0
    done = [
        json.loads(x) for k in built.list(built.keys.results) for x in built.get(k).splitlines()
    ]
    assert len(done) == 150
    assert all(line["status"] == "succeeded" for line in done)


def test_decoder_processes_die_with_a_killed_runner(
    batch: Build, host: ImageHost, urls: list[str]
) -> None:
    built = planned(batch, urls)
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
