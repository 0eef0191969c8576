from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import count

import obstore
import pytest
from obstore.store import MemoryStore

from imagebatch_core.keys import BatchKeys
from imagebatch_core.results import ImageStatus
from imagebatch_gateway.backends.objects import Listed, Objects
from imagebatch_gateway.requests import progress
from imagebatch_gateway.requests.plans import Plans
from imagebatch_gateway.requests.progress import ProgressReader
from unit.gateway.builders import NAMESPACE, UID, failed, succeeded, write_plan, write_progress

KEYS = BatchKeys.of(NAMESPACE, UID)


class CountingObjects(Objects):
    """``reads`` and ``lists`` are what was asked for."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.reads: list[str] = []
        self.lists: list[str | None] = []

    async def read(self, key: str) -> bytes:
        self.reads.append(key.rpartition("/")[2])
        return await super().read(key)

    async def list_versions(
        self, prefix: str, after: str | None, *, limit: int
    ) -> list[Listed] | None:
        self.lists.append(after)
        return await super().list_versions(prefix, after, limit=limit)


@pytest.fixture
def objects(store: MemoryStore) -> CountingObjects:
    write_plan(store, images=8, per_shard=2)
    return CountingObjects(store)


def reader_of(objects: Objects, seconds: Iterator[float]) -> ProgressReader:
    return ProgressReader(objects, Plans(objects), lambda: next(seconds))


@pytest.fixture
def reader(objects: CountingObjects) -> ProgressReader:
    return reader_of(objects, (60.0 * n for n in count()))


async def test_the_pods_of_all_shards_are_added_up(
    store: MemoryStore, reader: ProgressReader
) -> None:
    write_progress(store, 0, "pod-a", [succeeded(1)])
    write_progress(store, 0, "pod-b", [failed(2)])
    write_progress(store, 2, "pod-c", [succeeded(5), succeeded(6)])
    found = await reader.read(KEYS)

    assert found is not None
    assert found.counts == {ImageStatus.SUCCEEDED: 3, ImageStatus.FAILED: 1}
    assert (found.done, found.bytes_in, found.bytes_out) == (4, 300, 120)
    assert [(group.code, group.count) for group in found.failures] == [("dns_failed", 1)]
    assert [example.row for example in found.failures[0].examples] == [2]


async def test_two_pods_of_one_shard_count_no_more_images_than_it_has(
    store: MemoryStore, reader: ProgressReader
) -> None:
    write_progress(store, 0, "pod-a", [succeeded(1)])
    write_progress(store, 0, "pod-b", [succeeded(1), failed(2)])
    found = await reader.read(KEYS)

    assert found is not None
    assert found.counts == {ImageStatus.SUCCEEDED: 1, ImageStatus.FAILED: 1}
    assert (found.bytes_in, found.failures[0].count) == (100, 1)


async def test_the_last_shard_is_capped_at_the_rest_of_the_images(
    store: MemoryStore, objects: CountingObjects, reader: ProgressReader
) -> None:
    write_plan(store, images=3, per_shard=2)
    write_progress(store, 1, "pod-a", [succeeded(3)])
    write_progress(store, 1, "pod-b", [succeeded(3)])
    write_progress(store, 2, "pod-c", [succeeded(5)])
    found = await reader.read(KEYS)

    assert found is not None
    assert found.done == 1


async def test_a_document_is_read_again_only_when_it_has_changed(
    store: MemoryStore, reader: ProgressReader, objects: CountingObjects
) -> None:
    write_progress(store, 0, "pod-a", [succeeded(1)])
    write_progress(store, 1, "pod-b", [succeeded(3)])
    await reader.read(KEYS)
    write_progress(store, 1, "pod-b", [succeeded(3), failed(4)])
    found = await reader.read(KEYS)

    assert found is not None
    assert found.done == 3
    assert sorted(objects.reads) == ["plan.json", "pod-a.json", "pod-b.json", "pod-b.json"]


async def test_shards_that_are_complete_are_not_listed_again_and_still_counted(
    store: MemoryStore, reader: ProgressReader, objects: CountingObjects
) -> None:
    for shard in (0, 1, 3):
        rows = [2 * shard + 1, 2 * shard + 2]
        write_progress(store, shard, "pod", [succeeded(row) for row in rows])
    counted = []
    for _ in range(2):
        found = await reader.read(KEYS)
        assert found is not None
        counted.append((found.done, found.bytes_out))
    write_progress(store, 2, "pod", [succeeded(5), failed(6)])
    found = await reader.read(KEYS)

    assert counted == [(6, 240)] * 2
    assert objects.lists == [None, *[f"{KEYS.shard_progress(1)}~"] * 2]
    assert found is not None
    assert (found.done, found.failures[0].count) == (8, 1)


async def test_within_two_seconds_answers_share_one_count(
    store: MemoryStore, objects: CountingObjects
) -> None:
    reader = ProgressReader(objects, Plans(objects), lambda: 5.0)
    await reader.read(KEYS)
    write_progress(store, 0, "pod-a", [succeeded(1)])
    found = await reader.read(KEYS)

    assert found is not None
    assert (found.done, len(objects.lists)) == (0, 1)


async def test_what_one_answer_reads_is_bounded_and_the_next_goes_on(
    store: MemoryStore, reader: ProgressReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "READS_LIMIT", 2)
    for shard in range(4):
        write_progress(store, shard, "pod", [succeeded(2 * shard + 1)])
    write_progress(store, 0, "pod-b", [succeeded(2)])
    counted = [found.done for _ in range(3) if (found := await reader.read(KEYS))]

    assert counted == [2, 4, 5]


async def test_a_batch_of_too_many_pods_is_left_at_shard_precision(
    store: MemoryStore, reader: ProgressReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LISTED_LIMIT", 2)
    for shard in range(3):
        write_progress(store, shard, "pod", [succeeded(2 * shard + 1)])

    assert await reader.read(KEYS) is None


async def test_callers_at_once_wait_for_one_count(
    store: MemoryStore, objects: CountingObjects
) -> None:
    write_progress(store, 0, "pod-a", [succeeded(1)])
    reader = ProgressReader(objects, Plans(objects), lambda: 5.0)
    answers = await asyncio.gather(*(reader.read(KEYS) for _ in range(20)))

    assert {answer.done for answer in answers if answer} == {1}
    assert objects.reads == ["plan.json", "pod-a.json"]


async def test_a_batch_that_is_not_planned_yet_has_no_progress_and_is_not_listed(
    store: MemoryStore, reader: ProgressReader, objects: CountingObjects
) -> None:
    obstore.delete(store, KEYS.plan)
    found = await reader.read(KEYS)
    assert found is not None
    assert (found.planned, found.done, objects.lists) == (None, 0, [])
    write_plan(store, images=8)
    found = await reader.read(KEYS)
    assert found is not None
    assert found.planned is not None


@pytest.mark.parametrize("content", [b'{"totals":{"failed":"many"}}', b"[]", b"{"])
async def test_a_document_of_a_newer_release_is_left_at_shard_precision(
    store: MemoryStore, reader: ProgressReader, content: bytes
) -> None:
    write_progress(store, 0, "pod-a", [succeeded(1)])
    obstore.put(store, KEYS.pod_progress(1, "pod-b"), content)

    assert await reader.read(KEYS) is None


async def test_a_plan_of_a_newer_release_is_left_at_shard_precision_and_told_once(
    store: MemoryStore, reader: ProgressReader, caplog: pytest.LogCaptureFixture
) -> None:
    obstore.put(store, KEYS.plan, b'{"rows": 5}')

    assert [await reader.read(KEYS) for _ in range(3)] == [None] * 3
    assert [record.message for record in caplog.records] == [
        f"the progress of a batch cannot be counted: this version cannot read {KEYS.plan}"
    ]
