"""The images of each host are spread over the shards of a group, and each is done once."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from imagebatch_core.previews import KeptByPod
from imagebatch_runner.steps.groups import host_of
from support.imagehost import ImageHost
from support.nights import Nights, codes, outputs, statuses
from support.pictures import jpeg
from support.runnerbatch import RunnerBatch, products
from support.seaweedfs import SeaweedFS

Build = Callable[..., RunnerBatch]

PER_HOST = 24
PER_SHARD = 20


@pytest.fixture
def hosts() -> Iterator[list[ImageHost]]:
    with ExitStack() as stack:
        yield [stack.enter_context(ImageHost()) for _ in range(3)]


@pytest.fixture
def urls(hosts: list[ImageHost]) -> list[str]:
    """A catalogue that is sorted by host: 72 images of different sizes."""
    return [
        host.add(f"{number}-{n}.jpg", jpeg(size=(60 + 30 * number + n, 40)))
        for number, host in enumerate(hosts)
        for n in range(PER_HOST)
    ]


def of_shards(built: RunnerBatch) -> list[list[bytes]]:
    """Return the lines of each shard's file."""
    return [built.get(key).splitlines() for key in built.list(f"{built.keys.root}shards/")]


def requests(hosts: list[ImageHost]) -> Counter[str]:
    return sum((host.requests for host in hosts), Counter())


def test_each_shard_has_its_share_of_each_host_and_the_report_is_in_input_order(
    batch: Build, hosts: list[ImageHost], urls: list[str]
) -> None:
    built = batch(products(urls, 1), imagesPerShard=PER_SHARD)
    built.settings["IMAGEBATCH_KEPT_SOURCES"] = "6"
    built.run_all()
    shards = of_shards(built)
    assert [len(shard) for shard in shards] == [20, 20, 20, 12]
    for shard in shards:
        assert sorted(Counter(map(host_of, shard)).values()) in ([6, 7, 7], [4, 4, 4])
    assert [line["input_url"] for line in built.report()] == urls
    assert [line["width"] for line in built.report()] == [
        60 + 30 * number + n for number in range(3) for n in range(PER_HOST)
    ]
    assert set(requests(hosts).values()) == {1}
    kept = [key for key in built.list(built.keys.sources) if key.endswith(".json")]
    rows = [one.row for key in kept for one in KeptByPod.model_validate_json(built.get(key)).kept]
    assert sorted(rows) == [7, 19, 31, 43, 55, 67]


def test_a_collect_that_waits_beside_a_pod_that_is_killed_reports_every_image(
    batch: Build, hosts: list[ImageHost], urls: list[str]
) -> None:
    slow = [hosts[1].slow(f"slow{n}.jpg", jpeg(), 0.05) for n in range(40)]
    built = batch(products(urls + slow, 1), imagesPerShard=28)
    built.settings |= {"IMAGEBATCH_PART_IMAGES": "4", "IMAGEBATCH_FETCH_PER_HOST": "1"}
    assert built.run("plan").code == 0
    assert len(of_shards(built)) == 4
    killed = built.start("compress", 2, pod="killed")
    built.wait_for_parts(2, shard=2)
    built.kill(killed, signal.SIGKILL)
    built.wait(killed)
    waiting = RunnerBatch(built.s3, built.folder / "waiting", {**built.job, "wait": True},
                          built.settings, built.uid)  # fmt: skip
    waiting.folder.mkdir()
    collecting = waiting.start("collect")
    for shard in range(4):
        assert built.run("compress", shard).code == 0
    assert waiting.wait(collecting).code == 0
    assert [line["input_url"] for line in built.report()] == urls + slow
    assert set(statuses(built)) <= {"succeeded", "kept"}
    assert sum(requests(hosts).values()) <= len(urls + slow) + 16  # what the kill lost


@pytest.mark.parametrize("collected", [True, False])
def test_a_retry_has_each_image_in_the_shard_of_the_earlier_batch(
    s3: SeaweedFS,
    tmp_path: Path,
    hosts: list[ImageHost],
    urls: list[str],
    *,
    collected: bool,
) -> None:
    gone = [0, 30, 71]
    missing = [hosts[n // PER_HOST].url(f"missing-{n}.jpg") for n in gone]
    for n, url in zip(gone, missing, strict=True):
        urls[n] = url
    nights = Nights(s3, tmp_path)
    first = nights.night(urls, imagesPerShard=PER_SHARD)
    if collected:
        first.run_all()
        assert codes(first) == {None: 69, "http_status": 3}
    else:
        assert first.run("plan").code == 0
        assert [first.run("compress", shard).code for shard in range(4)] == [0] * 4
    for n in gone:
        hosts[n // PER_HOST].add(f"missing-{n}.jpg", jpeg(size=(90, 40)))
    for host in hosts:
        host.forget()
    again = nights.night([], first)
    again.job["source"] = {"retry": "failed"}
    again.run_all()
    assert of_shards(again) == of_shards(first)
    assert set(requests(hosts)) == {f"/missing-{n}.jpg" for n in gone}
    assert [line["input_url"] for line in again.report()] == urls
    assert statuses(again).count("failed") == 0
    assert len(outputs(again)) == 72
