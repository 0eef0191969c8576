"""A shard that one pod recorded alone is one object for collect; others are read from parts."""

from __future__ import annotations

import signal
from collections.abc import Callable

import obstore
import pytest

from support.imagehost import ImageHost
from support.pictures import jpeg
from support.runnerbatch import RunnerBatch, products

Build = Callable[..., RunnerBatch]

PER_SHARD = 60


@pytest.fixture
def built(batch: Build, host: ImageHost) -> RunnerBatch:
    """A batch of two shards."""
    urls = [host.slow(f"{n}.jpg", jpeg(size=(100 + n, 80)), 0.02) for n in range(PER_SHARD)]
    urls += [host.url(f"none-{n}.jpg") for n in range(PER_SHARD)]
    made = batch(products(urls), imagesPerShard=PER_SHARD)
    made.settings |= {"IMAGEBATCH_PART_IMAGES": "10", "IMAGEBATCH_FETCH_CONCURRENCY": "4"}
    assert made.run("plan").code == 0
    return made


def whole(built: RunnerBatch) -> list[str]:
    return [key for key in map(built.keys.whole_shard, range(2)) if key in stored(built)]


def stored(built: RunnerBatch) -> set[str]:
    return set(built.list(built.keys.root))


def test_the_object_has_the_lines_of_the_parts_and_the_report_is_the_same_without_it(
    built: RunnerBatch,
) -> None:
    assert [built.run("compress", shard).code for shard in range(2)] == [0, 0]
    assert whole(built) == [built.keys.whole_shard(0), built.keys.whole_shard(1)]
    for shard in range(2):
        parts = [built.get(key) for key in built.list(built.keys.shard_results(shard))]
        assert len(parts) > 1
        assert built.get(built.keys.whole_shard(shard)) == b"".join(parts)

    parts_of_first = built.list(built.keys.shard_results(0))
    kept = {key: built.get(key) for key in parts_of_first}
    obstore.delete(built.store, parts_of_first)
    assert built.run("collect").code == 0
    report = built.report()
    assert [line["error_code"] for line in report] == [None] * PER_SHARD + [
        "http_status"
    ] * PER_SHARD

    for key, data in kept.items():
        obstore.put(built.store, key, data)
    obstore.delete(built.store, [*whole(built), built.keys.summary])
    assert built.run("collect").code == 0
    assert built.report() == report


def test_a_shard_that_a_second_pod_ended_has_none(built: RunnerBatch) -> None:
    process = built.start("compress", 0)
    built.wait_for_parts(2)
    built.kill(process, signal.SIGKILL)
    built.wait(process)
    assert built.run("compress", 0).code == 0
    assert built.run("compress", 1).code == 0
    assert whole(built) == [built.keys.whole_shard(1)]
    assert built.run("collect").code == 0
    assert [line["status"] for line in built.report()[:PER_SHARD]] == ["succeeded"] * PER_SHARD


def test_an_object_without_all_results_is_not_believed(built: RunnerBatch) -> None:
    assert [built.run("compress", shard).code for shard in range(2)] == [0, 0]
    key = built.keys.whole_shard(0)
    lines = built.get(key).splitlines(keepends=True)
    obstore.put(built.store, key, b"".join(lines[1:]))
    assert built.run("collect").code == 0
    assert [line["status"] for line in built.report()[:PER_SHARD]] == ["succeeded"] * PER_SHARD


def test_a_pod_that_repeats_a_recorded_image_leaves_the_first_result_in_key_order(
    built: RunnerBatch,
) -> None:
    """The other pod's parts are there before the shard ends, so there is no object."""
    first = built.start("compress", 0, pod="b")
    built.wait_for_parts(1)
    part = built.list(built.keys.shard_results(0))[0]
    body = built.get(part).replace(b'"width":', b'"width":9')
    obstore.put(built.store, built.keys.part(0, "a", 0), body)
    assert built.wait(first).code == 0
    assert whole(built) == []
    assert built.run("compress", 1).code == 0
    assert built.run("collect").code == 0
    assert any(str(line["width"]).startswith("9") for line in built.report())
