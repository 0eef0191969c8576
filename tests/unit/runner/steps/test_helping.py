"""Which shard a pod that has ended its own helps with, and which images it takes."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest
from obstore.store import MemoryStore

from imagebatch_core.job import RunnerJob, Totals
from imagebatch_core.keys import BatchKeys
from imagebatch_core.progress import PodProgress
from imagebatch_core.results import ErrorCode, ImageResult, ShardItem
from imagebatch_core.spec import Output
from imagebatch_runner.settings import Settings
from imagebatch_runner.steps.batch import Batch
from imagebatch_runner.steps.helping import CHUNK, begun_shards, chosen, slowest
from imagebatch_runner.steps.recorded import RecordedPlaces
from imagebatch_runner.store.documents import Plan, to_json
from imagebatch_runner.store.storage import Storage

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def batch() -> Batch:
    job = RunnerJob.model_validate(
        {"namespace": "shop", "name": "spring", "uid": "u-1", "source": {"key": "k"}}
    )
    return Batch(
        job=job,
        keys=BatchKeys.of("shop", "u-1"),
        storage=Storage(MemoryStore(), patience=0),
        settings=Settings(),
    )


def plan(*, shards: int = 3, images: int | None = None) -> Plan:
    return Plan(
        products=1,
        images=500 * shards if images is None else images,
        shards=shards,
        images_per_shard=500,
        first_rows=tuple(range(shards)),
        row_problems=0,
        input_sha256="ab" * 32,
        extra_columns=(),
        output=Output(),
    )


def tell(batch: Batch, shard: int, *, done: int, pod: str = "a") -> None:
    document = PodProgress(totals=Totals(succeeded=done))
    batch.storage.put(batch.keys.pod_progress(shard, pod), to_json(document))


def test_the_shard_with_the_most_images_left_is_helped(batch: Batch) -> None:
    for shard, done in enumerate((500, 120, 300)):
        tell(batch, shard, done=done)
    assert slowest(batch, plan()) == 1


def test_what_several_pods_of_a_shard_did_counts_together(batch: Batch) -> None:
    for shard, done in enumerate((500, 120, 300)):
        tell(batch, shard, done=done)
    tell(batch, 1, done=250, pod="b")
    assert slowest(batch, plan()) == 2


def test_nobody_helps_with_the_last_images_of_a_shard(batch: Batch) -> None:
    for shard, done in enumerate((500, 405, 450)):
        tell(batch, shard, done=done)
    assert slowest(batch, plan()) is None


def test_the_last_shard_may_be_short(batch: Batch) -> None:
    for shard, done in enumerate((500, 300, 20)):
        tell(batch, shard, done=done)
    assert slowest(batch, plan(images=1040)) == 1


def test_a_shard_that_was_not_begun_gets_the_place_instead(batch: Batch) -> None:
    tell(batch, 0, done=500)
    tell(batch, 1, done=100)
    assert slowest(batch, plan()) is None


def test_a_shard_that_another_pod_works_on_ahead_of_its_own_is_not_begun(batch: Batch) -> None:
    tell(batch, 0, done=500)
    tell(batch, 1, done=100)
    tell(batch, 2, done=30, pod="ahead-a")
    assert begun_shards(batch) == {0, 1}
    assert slowest(batch, plan()) is None
    tell(batch, 2, done=0)
    assert slowest(batch, plan()) == 2
    tell(batch, 2, done=400)  # with those 30 it has fewer left than shard 1
    assert slowest(batch, plan()) == 1


def test_a_shard_that_turned_out_to_be_done_is_left_out(batch: Batch) -> None:
    for shard, done in enumerate((500, 120, 300)):
        tell(batch, shard, done=done)
    assert slowest(batch, plan(), {1}) == 2
    assert slowest(batch, plan(), {1, 2}) is None


def test_a_helper_takes_images_that_the_pod_of_the_shard_is_far_from() -> None:
    left = [ShardItem(row, 1, f"http://x/{row}") for row in range(300)]
    for seed in range(50):
        some = chosen(left, 64, random.Random(seed))
        rows = [item.row for item in some]
        assert len(some) == CHUNK
        assert rows == list(range(rows[0], rows[0] + CHUNK))
        assert rows[0] >= 64
    assert chosen(left[:96], 64, random.Random(1))


async def test_only_new_parts_of_other_pods_are_read(batch: Batch) -> None:
    def record(pod: str, number: int, row: int) -> str:
        item = ShardItem(row, 1, f"http://x/{row}")
        line = ImageResult.failure(item, ErrorCode.EMPTY, "no bytes").to_line()
        key = batch.keys.part(0, pod, number, (row, row))
        batch.storage.put(key, line.encode())
        return key

    known = record("a", 0, 1)
    record("me", 0, 2)
    record("b", 0, 3)
    others = RecordedPlaces(batch, 0, known=[known], without="me")
    await others.look()
    assert others.places == {(3, 1)}
    record("b", 1, 4)
    await others.look()
    assert others.places == {(3, 1), (4, 1)}


async def test_progress_counts_an_image_once_that_two_pods_did(batch: Batch) -> None:
    results = [
        ImageResult.failure(ShardItem(row, 1, f"http://x/{row}"), ErrorCode.EMPTY, "no bytes")
        for row in (1, 2)
    ]
    batch.storage.put(batch.keys.part(0, "b", 0, (1, 1)), results[0].to_line().encode())
    others = RecordedPlaces(batch, 0, without="me")
    assert others.without_known(results) == results
    await others.look()
    assert others.without_known(results) == results[1:]
