"""The pods of the shards start before the plan is there, and plan's pod compresses until then."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from support.imagehost import ImageHost
from support.pictures import jpeg
from support.runnerbatch import RunnerBatch, products
from support.waiting import until

Build = Callable[..., RunnerBatch]

SHARDS, PER_SHARD = 2, 300


@pytest.fixture
def built(batch: Build, host: ImageHost) -> RunnerBatch:
    data = jpeg(size=(160, 120))
    urls = [host.add(f"{n}.jpg", data) for n in range(SHARDS * PER_SHARD)]
    return batch(products(urls), imagesPerShard=PER_SHARD, parallelism=SHARDS)


def _as(built: RunnerBatch, **job: Any) -> RunnerBatch:
    """Return the same batch with further fields in the job document."""
    return replace(built, job={**built.job, **job})


def _parts_of(built: RunnerBatch, pod: str) -> list[str]:
    return [
        key
        for key in built.list(built.keys.results)
        if f"/{pod}-" in key or f"/ahead-{pod}-" in key
    ]


def _planning(built: RunnerBatch) -> subprocess.Popen[str]:
    """Start plan, and return its process once it compresses images of the last shard."""
    process = _as(built, expectedShards=SHARDS).start("plan", pod="planner")
    until(lambda: _parts_of(built, "planner"))
    return process


def _check_end(built: RunnerBatch, host: ImageHost) -> None:
    collected = built.run("collect")
    assert collected.message is not None
    assert collected.message.totals is not None
    assert collected.message.totals.succeeded == SHARDS * PER_SHARD
    # Only what is under way in two pods is fetched twice.
    assert host.requests.total() < SHARDS * PER_SHARD * 1.3
    told = [json.loads(built.get(key)) for key in built.list(built.keys.progress)]
    assert sum(one["totals"]["succeeded"] for one in told) >= SHARDS * PER_SHARD


def test_plan_compresses_until_the_shards_have_begun(built: RunnerBatch, host: ImageHost) -> None:
    planning = _planning(built)
    assert {key.split("/")[-2] for key in _parts_of(built, "planner")} == {"000001"}
    waiting = _as(built, wait=True)
    pods = [waiting.start("compress", shard) for shard in range(SHARDS)]
    assert built.wait(planning).code == 0
    assert [pod.wait(60) for pod in pods] == [0] * SHARDS
    _check_end(built, host)


def test_a_pod_of_a_shard_waits_for_the_plan(built: RunnerBatch, host: ImageHost) -> None:
    waiting = _as(built, wait=True).start("compress", 0)
    time.sleep(1)
    assert waiting.poll() is None
    assert not built.list(built.keys.results)
    planned = built.run("plan")
    assert planned.message is not None
    assert planned.message.shards == SHARDS
    assert waiting.wait(60) == 0
    assert built.run("compress", 1).code == 0
    _check_end(built, host)


def test_a_pod_that_has_no_shard_ends(built: RunnerBatch) -> None:
    built.run("plan")
    ended = _as(built, wait=True).run("compress", SHARDS)
    assert (ended.code, ended.message) == (0, None)
    assert "fewer than was expected" in ended.log  # and leaves a batch of one shard to plan
    assert not built.list(built.keys.results)


def test_plan_does_not_compress_where_another_number_of_pods_starts(built: RunnerBatch) -> None:
    planned = _as(built, expectedShards=SHARDS + 1).run("plan")
    assert planned.message is not None
    assert planned.message.shards == SHARDS
    assert not built.list(built.keys.results)


def test_a_batch_that_may_fail_early_is_left_to_its_shards(built: RunnerBatch) -> None:
    assert _as(built, expectedShards=SHARDS, maxFailedPercent=10).run("plan").code == 0
    assert not built.list(built.keys.results)


# At a SIGTERM it ends with 0 and its message: the batch is planned.
@pytest.mark.parametrize("end", [(signal.SIGKILL, -9), (signal.SIGTERM, 0)])
def test_a_plan_that_is_stopped_meanwhile_loses_nothing(
    built: RunnerBatch, host: ImageHost, end: tuple[int, int]
) -> None:
    number, code = end
    planning = _planning(built)
    built.kill(planning, number)
    ended = built.wait(planning)
    assert ended.code == code
    assert (ended.message is not None) == (code == 0)
    # Nobody has begun the shard, so nothing says that it is begun.
    assert not [key for key in built.list(built.keys.progress) if "/ahead-" not in key]
    again = _as(built, expectedShards=SHARDS).start("plan", pod="again")
    for shard in range(SHARDS):
        assert _as(built, wait=True).run("compress", shard).code == 0
    assert built.wait(again).code == 0
    _check_end(built, host)


def test_plan_ends_where_no_shard_begins(built: RunnerBatch) -> None:
    """The pods of the shards may wait for the room that plan takes."""
    began = time.monotonic()
    planned = _as(built, expectedShards=SHARDS).run("plan")
    assert planned.message is not None
    assert planned.message.shards == SHARDS
    assert time.monotonic() - began < 30
    assert not [key for key in built.list(built.keys.progress) if "/ahead-" not in key]


@pytest.fixture
def waves(batch: Build, host: ImageHost) -> RunnerBatch:
    """Three shards, of which the last waits for the place of a pod."""
    data = jpeg(size=(160, 120))
    urls = [host.add(f"{n}.jpg", data) for n in range(3 * PER_SHARD)]
    built = batch(products(urls), imagesPerShard=PER_SHARD, parallelism=2)
    assert built.run("plan").code == 0
    return built


def test_a_pod_goes_on_until_the_next_one_has_begun(waves: RunnerBatch, host: ImageHost) -> None:
    first = waves.run("compress", 0, pod="even")
    assert first.code == 0
    assert {key.split("/")[-2] for key in _parts_of(waves, "even")} == {"000000"}
    going_on = waves.start("compress", 1, pod="odd")
    until(lambda: [key for key in _parts_of(waves, "odd") if "/000002/" in key])
    following = waves.start("compress", 2, pod="next")
    assert waves.wait(going_on).code == 0
    assert following.wait(60) == 0
    collected = waves.run("collect")
    assert collected.message is not None
    assert collected.message.totals is not None
    assert collected.message.totals.succeeded == 3 * PER_SHARD
    assert host.requests.total() < 3 * PER_SHARD * 1.3
    told = [json.loads(waves.get(key)) for key in waves.list(waves.keys.progress)]
    assert sum(one["totals"]["succeeded"] for one in told) >= 3 * PER_SHARD


# At a SIGTERM it ends with 0: the shard of its own index is done.
@pytest.mark.parametrize("end", [(signal.SIGKILL, -9), (signal.SIGTERM, 0)])
def test_a_pod_that_is_stopped_while_it_goes_on_loses_nothing(
    waves: RunnerBatch, host: ImageHost, end: tuple[int, int]
) -> None:
    number, code = end
    assert waves.run("compress", 0).code == 0
    going_on = waves.start("compress", 1, pod="odd")
    until(lambda: [key for key in _parts_of(waves, "odd") if "/000002/" in key])
    waves.kill(going_on, number)
    assert waves.wait(going_on).code == code
    assert waves.run("compress", 1).code == 0  # as the Job runs the index again
    assert waves.run("compress", 2).code == 0
    assert len(waves.recorded()) == 3 * PER_SHARD
    assert host.requests.total() < 3 * PER_SHARD * 1.3


def test_a_shard_that_others_did_ahead_of_its_pod_counts_as_begun(waves: RunnerBatch) -> None:
    assert waves.run("compress", 0).code == 0
    assert waves.run("compress", 1, pod="odd").code == 0
    assert waves.run("compress", 2, pod="next").code == 0
    assert waves.keys.pod_progress(2, "next") in waves.list(waves.keys.progress)


def test_a_plan_that_was_made_before_is_given_back_at_once(built: RunnerBatch) -> None:
    assert built.run("plan").code == 0
    again = _as(built, expectedShards=SHARDS).run("plan")
    assert again.message is not None
    assert again.message.shards == SHARDS
    assert not built.list(built.keys.results)
