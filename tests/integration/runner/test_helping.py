"""A pod that has ended its shard helps with the slowest one, and nothing is lost."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable

import pytest

from support.imagehost import ImageHost
from support.pictures import jpeg
from support.runnerbatch import RunnerBatch, products
from support.waiting import until

Build = Callable[..., RunnerBatch]

PER_SHARD = 200
SLOW = [f"/slow{n}.jpg" for n in range(PER_SHARD)]


@pytest.fixture
def built(batch: Build, host: ImageHost) -> RunnerBatch:
    """Two shards: of a fast host, and of one that takes 0.1 s for each image."""
    data = jpeg(size=(160, 120))
    fast = [host.add(f"fast{n}.jpg", data) for n in range(PER_SHARD)]
    slow = [host.slow(name[1:], data, 0.1) for name in SLOW]
    built = batch(products(fast + slow), imagesPerShard=PER_SHARD)
    built.settings |= {
        "IMAGEBATCH_FETCH_PER_HOST": "2",
        "IMAGEBATCH_FETCH_WINDOW": "16",
        "IMAGEBATCH_PART_IMAGES": "20",
    }
    assert built.run("plan").code == 0
    return built


def _by_pod(built: RunnerBatch, pod: str) -> int:
    """Return how many images of the slow shard a pod recorded."""
    keys = [key for key in built.list(built.keys.shard_results(1)) if f"/{pod}-" in key]
    return sum(len(built.get(key).splitlines()) for key in keys)


@pytest.fixture
def slow(built: RunnerBatch) -> subprocess.Popen[str]:
    """The pod of the slow shard, which has recorded some images and then hangs."""
    process = built.start("compress", 1, pod="pod-slow")
    until(lambda: built.list(built.keys.shard_progress(1)))
    built.kill(process, signal.SIGSTOP)
    assert _by_pod(built, "pod-slow") <= PER_SHARD - 100, "the machine was too busy"
    return process


@pytest.fixture
def helper(built: RunnerBatch, slow: subprocess.Popen[str]) -> subprocess.Popen[str]:
    """The pod of the fast shard once it helps with the slow one."""
    process = built.start("compress", 0, pod="pod-fast")
    until(lambda: _by_pod(built, "pod-fast"))
    return process


def _check(built: RunnerBatch, host: ImageHost) -> None:
    collected = built.run("collect")
    assert collected.message is not None
    assert collected.message.totals is not None
    assert collected.message.totals.succeeded == 2 * PER_SHARD
    places = [(line["row"], line["position"]) for line in built.report()]
    assert places == sorted(set(places))
    # An image that is under way in both pods is fetched twice, and hardly any other.
    assert sum(host.requests[name] for name in SLOW) < PER_SHARD * 1.3


def test_the_pod_of_a_fast_shard_takes_images_of_a_slow_one(
    built: RunnerBatch, host: ImageHost, slow: subprocess.Popen[str]
) -> None:
    assert built.run("compress", 0, pod="pod-fast").code == 0
    helped = _by_pod(built, "pod-fast")
    assert helped >= 50
    built.kill(slow, signal.SIGCONT)
    assert slow.wait(60) == 0
    assert _by_pod(built, "pod-slow") < PER_SHARD
    assert _by_pod(built, "pod-slow") + helped >= PER_SHARD
    _check(built, host)
    told = [json.loads(built.get(key)) for key in built.list(built.keys.shard_progress(1))]
    assert sum(one["totals"]["succeeded"] for one in told) >= PER_SHARD


# At a SIGTERM it ends with 0: the shard of its own index is done.
@pytest.mark.parametrize("end", [(signal.SIGKILL, -9), (signal.SIGTERM, 0)])
def test_a_helper_that_is_stopped_leaves_its_images_to_the_pod_of_the_shard(
    built: RunnerBatch,
    host: ImageHost,
    slow: subprocess.Popen[str],
    helper: subprocess.Popen[str],
    end: tuple[int, int],
) -> None:
    number, code = end
    built.kill(helper, number)
    assert built.wait(helper).code == code
    built.kill(slow, signal.SIGCONT)
    assert slow.wait(60) == 0
    assert built.run("compress", 0, pod="pod-next").code == 0  # as the Job runs the index again
    _check(built, host)


def test_a_pod_of_a_shard_that_is_killed_is_replaced_beside_a_helper(
    built: RunnerBatch,
    host: ImageHost,
    slow: subprocess.Popen[str],
    helper: subprocess.Popen[str],
) -> None:
    built.kill(slow)
    slow.wait()
    assert built.run("compress", 1, pod="pod-again").code == 0
    assert helper.wait(60) == 0
    _check(built, host)
