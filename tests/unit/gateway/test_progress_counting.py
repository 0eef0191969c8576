from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import count

import obstore
import pytest
from obstore.store import MemoryStore

from imagebatch_core.keys import BatchKeys
from imagebatch_core.results import ImageStatus
from imagebatch_gateway.backends.objects import Objects
from imagebatch_gateway.requests import progress
from imagebatch_gateway.requests.progress import ProgressReader
from unit.gateway.builders import NAMESPACE, UID, failed, succeeded, write_part

KEYS = BatchKeys.of(NAMESPACE, UID)
PLAN = b'{"products": 5, "images": 8, "rowProblems": 1, "inputSha256": "c5f0"}'


class CountingObjects(Objects):
    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.reads: list[str] = []

    async def read(self, key: str) -> bytes:
        self.reads.append(key.rpartition("/")[2])
        return await super().read(key)


@pytest.fixture
def objects(store: MemoryStore) -> CountingObjects:
    obstore.put(store, KEYS.plan, PLAN)
    return CountingObjects(store)


@pytest.fixture
def reader(objects: CountingObjects) -> ProgressReader:
    minutes: Iterator[float] = (60.0 * n for n in count())
    return ProgressReader(objects, lambda: next(minutes))


async def test_an_image_recorded_by_two_pods_counts_once_and_the_first_part_wins(
    store: MemoryStore, reader: ProgressReader
) -> None:
    write_part(store, 0, "pod-b", 0, [failed(1), succeeded(2)])
    write_part(store, 0, "pod-a", 0, [succeeded(1)])
    found = await reader.read(KEYS)

    assert found is not None
    assert (found.done, found.counts) == (2, {ImageStatus.SUCCEEDED: 2})


async def test_each_part_is_read_once(
    store: MemoryStore, reader: ProgressReader, objects: CountingObjects
) -> None:
    write_part(store, 0, "pod-a", 0, [succeeded(1)])
    await reader.read(KEYS)
    write_part(store, 0, "pod-a", 1, [succeeded(2)])
    write_part(store, 1, "pod-b", 0, [succeeded(3)])
    found = await reader.read(KEYS)

    assert found is not None
    assert found.done == 3
    assert sorted(objects.reads) == [
        "plan.json",
        "pod-a-000000.jsonl",
        "pod-a-000001.jsonl",
        "pod-b-000000.jsonl",
    ]


async def test_within_a_second_answers_share_one_count(
    store: MemoryStore, objects: CountingObjects
) -> None:
    reader = ProgressReader(objects, lambda: 5.0)
    await reader.read(KEYS)
    write_part(store, 0, "pod-a", 0, [succeeded(1)])
    found = await reader.read(KEYS)

    assert found is not None
    assert found.done == 0


async def test_what_one_answer_reads_is_bounded_and_the_next_goes_on(
    store: MemoryStore, reader: ProgressReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "READS_LIMIT", 2)
    for number in range(5):
        write_part(store, 0, "pod-a", number, [succeeded(number + 1)])
    counted = [found.done for _ in range(3) if (found := await reader.read(KEYS))]

    assert counted == [2, 4, 5]


async def test_a_batch_of_too_many_parts_is_left_at_shard_precision(
    store: MemoryStore, reader: ProgressReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "PARTS_LIMIT", 2)
    for number in range(3):
        write_part(store, 0, "pod-a", number, [succeeded(number + 1)])

    assert await reader.read(KEYS) is None


async def test_a_part_that_was_counted_need_not_stay_in_memory(
    store: MemoryStore, objects: CountingObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "PARTS_CACHED", 2)
    seconds = (60.0 * n for n in count())
    reader = ProgressReader(objects, lambda: next(seconds))
    for shard in range(4):
        write_part(store, shard, "pod-a", 0, [succeeded(shard + 1)])
        found = await reader.read(KEYS)
        assert found is not None
        assert found.done == shard + 1

    assert len(objects.reads) == 1 + 4


async def test_callers_at_once_wait_for_one_count(
    store: MemoryStore, objects: CountingObjects
) -> None:
    write_part(store, 0, "pod-a", 0, [succeeded(1)])
    reader = ProgressReader(objects, lambda: 5.0)
    answers = await asyncio.gather(*(reader.read(KEYS) for _ in range(20)))

    assert {answer.done for answer in answers if answer} == {1}
    assert objects.reads == ["plan.json", "pod-a-000000.jsonl"]


@pytest.mark.parametrize("line", [b'{"row":1,"position":1,"status":"later"}', b"[]", b"{", b"{}"])
async def test_a_batch_with_results_of_a_newer_release_is_left_at_shard_precision(
    store: MemoryStore, reader: ProgressReader, line: bytes
) -> None:
    write_part(store, 0, "pod-a", 0, [succeeded(1)])
    obstore.put(store, KEYS.part(1, "pod-b", 0), line)

    assert await reader.read(KEYS) is None


async def test_a_plan_of_a_newer_release_is_left_at_shard_precision_and_told_once(
    store: MemoryStore, reader: ProgressReader, caplog: pytest.LogCaptureFixture
) -> None:
    obstore.put(store, KEYS.plan, b'{"rows": 5}')

    assert [await reader.read(KEYS) for _ in range(3)] == [None] * 3
    assert [record.message for record in caplog.records] == [
        f"the progress of a batch cannot be counted: this version cannot read {KEYS.plan}"
    ]
