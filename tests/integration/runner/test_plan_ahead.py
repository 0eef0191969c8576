"""The pod of plan works on the last shard while the others start, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from imagebatch_core.job import RunnerMessage, Step
from support.imagehost import ImageHost
from support.pictures import jpeg
from support.runnerbatch import RunnerBatch, products

Build = Callable[..., RunnerBatch]

IMAGES, PER_SHARD = 45, 15
LAST = {f"/{n}.jpg" for n in range(30, IMAGES)}


@pytest.fixture
def built(batch: Build, host: ImageHost) -> RunnerBatch:
    """Three shards of photographs, of a host that takes 40 ms for each."""
    urls = [host.slow(f"{n}.jpg", jpeg(size=(160 + n % 40, 120)), 0.04) for n in range(IMAGES)]
    built = batch(products(urls), imagesPerShard=PER_SHARD, ahead=True)
    built.settings |= {"IMAGEBATCH_PART_IMAGES": "6", "IMAGEBATCH_FETCH_CONCURRENCY": "2"}
    return built


@pytest.fixture
def relay(built: RunnerBatch) -> Iterator[subprocess.Popen[bytes]]:
    """The second container of the pod."""
    env = {
        "PATH": os.environ["PATH"],
        "TMPDIR": str(built.folder),
        "IMAGEBATCH_TERMINATION_LOG": str(_told(built)),
    }
    command = [sys.executable, "-m", "imagebatch_runner", "relay"]
    with subprocess.Popen(command, env=env) as process:
        yield process
        process.kill()


def _told(built: RunnerBatch) -> Path:
    return built.folder / "relayed"


def _rest(built: RunnerBatch, host: ImageHost) -> None:
    """Run all shards as the Job does, and check that each image is reported, done."""
    for index in range(3):
        assert built.run("compress", index).code == 0
    collected = built.run("collect")
    assert collected.message is not None
    assert collected.message.totals is not None
    assert collected.message.totals.succeeded == IMAGES
    assert [line["input_url"] for line in built.report()] == [
        host.url(f"{n}.jpg") for n in range(IMAGES)
    ]


def test_plan_reports_its_result_and_goes_on_with_the_last_shard(
    built: RunnerBatch, host: ImageHost, relay: subprocess.Popen[bytes]
) -> None:
    process = built.start("plan")
    assert relay.wait(30) == 0
    assert process.poll() is None
    planned = RunnerMessage.model_validate_json(_told(built).read_text())
    assert (planned.step, planned.images, planned.shards) == (Step.PLAN, IMAGES, 3)
    ended = built.wait(process)
    assert (ended.code, ended.message) == (0, planned)
    assert built.recorded() == LAST
    _rest(built, host)
    assert set(host.requests.values()) == {1}  # the Job's pod of the last shard had nothing to do


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143)])
def test_the_pods_of_the_shards_do_what_a_stopped_plan_pod_left(
    built: RunnerBatch, host: ImageHost, relay: subprocess.Popen[bytes], number: int, code: int
) -> None:
    process = built.start("plan")
    built.wait_for_parts(2, shard=2)
    built.kill(process, number)
    assert built.wait(process).code == code
    assert relay.wait(30) == 0
    assert built.recorded() < LAST
    _rest(built, host)


def test_a_plan_pod_that_starts_again_reports_and_goes_on_where_the_first_stopped(
    built: RunnerBatch, host: ImageHost, relay: subprocess.Popen[bytes]
) -> None:
    process = built.start("plan", pod="pod-a")
    built.wait_for_parts(2, shard=2)
    built.kill(process, signal.SIGTERM)
    built.wait(process)
    assert relay.wait(30) == 0
    assert built.run("plan", pod="pod-b").code == 0
    assert built.recorded() == LAST
    assert set(host.requests.values()) == {1}


def test_two_pods_on_the_last_shard_lose_nothing(
    built: RunnerBatch, host: ImageHost, relay: subprocess.Popen[bytes]
) -> None:
    plan = built.start("plan")
    built.wait_for_parts(1, shard=2)
    built.job.pop("ahead")
    _rest(built, host)
    plan.wait(60)
    assert relay.wait(30) == 0


def test_plan_ends_by_itself_where_no_relay_is_there(built: RunnerBatch) -> None:
    ended = built.run("plan")
    assert ended.message is not None
    assert (ended.code, ended.message.step) == (0, Step.PLAN)
    assert built.recorded() == set()


def test_a_small_batch_is_done_whole_and_its_relay_reports_nothing(
    batch: Build, host: ImageHost, tmp_path: Path
) -> None:
    small = batch(products([host.add("a.jpg", jpeg())]), ahead=True)
    env = {"TMPDIR": str(small.folder), "IMAGEBATCH_TERMINATION_LOG": str(tmp_path / "none")}
    command = [sys.executable, "-m", "imagebatch_runner", "relay"]
    with subprocess.Popen(command, env=env) as process:
        ended = small.run("plan")
        assert process.wait(30) == 0
    assert ended.message is not None
    assert ended.message.step is Step.COLLECT
    assert not (tmp_path / "none").exists()
