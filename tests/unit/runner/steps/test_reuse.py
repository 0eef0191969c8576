"""Looking up what an earlier batch made of a URL."""

from __future__ import annotations

from pathlib import Path

import pytest
from obstore.store import MemoryStore

from imagebatch_core.job import JobSource, RunnerJob
from imagebatch_core.keys import BatchKeys
from imagebatch_core.results import ErrorCode, ImageResult, ImageStatus, ShardItem, StoredOutput
from imagebatch_core.spec import Output
from imagebatch_runner.codec.revision import CODEC, codec_name
from imagebatch_runner.settings import Settings
from imagebatch_runner.steps.batch import Batch, EarlierBatch
from imagebatch_runner.steps.collect import collect
from imagebatch_runner.steps.plan import plan
from imagebatch_runner.steps.reuse import Index
from imagebatch_runner.steps.sharding import from_lines
from imagebatch_runner.store.storage import Storage

EARLIER = StoredOutput(
    "shop/a/images/1-1-ab.jpg", "5e", '"tag"', "Tue, 03 Mar 2026 04:05:06 GMT", None, 9, 4, 30, 20
)


def result(url: str, status: ImageStatus = ImageStatus.SUCCEEDED, tag: str = '"t"') -> ImageResult:
    if status is ImageStatus.FAILED:
        return ImageResult.failure(ShardItem(1, 1, url), ErrorCode.TIMEOUT, "late")
    return ImageResult(
        1, 1, url, status, "u", "shop/a/images/1-1-ab.jpg", source_sha256="5e", etag=tag
    )


def lines(*results: ImageResult) -> list[bytes]:
    return [each.to_line().encode() for each in results]


def test_a_shard_line_carries_the_earlier_output_and_old_lines_stay_readable() -> None:
    for item in (ShardItem(3, 2, "http://h/ü,1"), ShardItem(3, 2, "http://h/a", EARLIER)):
        assert ShardItem.from_line(item.to_line()) == item
    assert ShardItem.from_line('[3, 2, "http://h/a"]\n') == ShardItem(3, 2, "http://h/a")


def test_a_copied_output_keeps_its_hash_and_ending() -> None:
    key = BatchKeys.of("shop", "b").same_image(7, 2, "shop/a/images/1-1-ab.jpg")
    assert key == "shop/b/images/7-2-ab.jpg"


@pytest.mark.parametrize(
    ("status", "counts"),
    [
        (ImageStatus.SUCCEEDED, True),
        (ImageStatus.KEPT, True),
        (ImageStatus.REUSED, True),
        (ImageStatus.FAILED, False),
    ],
)
def test_only_results_with_an_output_count(
    tmp_path: Path, status: ImageStatus, counts: bool
) -> None:
    with Index(tmp_path) as index:
        index.fill(lines(result("http://h/a", status)))
        assert (index.find("http://h/a") is not None) is counts
        assert index.find("http://h/b") is None


def test_the_first_of_several_results_of_a_url_is_found(tmp_path: Path) -> None:
    with Index(tmp_path) as index:
        index.fill(lines(result("http://h/a", tag='"1"'), result("http://h/a", tag='"2"')))
        found = index.find("http://h/a")
    assert found is not None
    assert found.etag == '"1"'


def test_urls_that_share_a_hash_are_told_apart(tmp_path: Path) -> None:
    with Index(tmp_path, hashed=lambda _url: 1) as index:
        index.fill(lines(result("http://h/a"), result("http://h/b")))
        assert index.find("http://h/a") is not None
        assert index.find("http://h/b") is None


def test_any_order_of_look_ups_finds_its_records(tmp_path: Path) -> None:
    with Index(tmp_path) as index:
        index.fill(lines(*(result(f"http://h/{n}", tag=f'"{n}"') for n in range(12_000))))
        for n in (11_999, 0, 5000, 4999, 7, 11_998):
            found = index.find(f"http://h/{n}")
            assert found is not None
            assert found.etag == f'"{n}"'


class Shop:
    """Batches of one CSV in one store in memory; nothing is fetched."""

    def __init__(self, folder: Path) -> None:
        self._source = folder / "in.csv"
        self._source.write_text(
            "S. No.,Product Name,Input Image Urls\n1,a,http://h/1\n2,b,http://h/2\n"
        )
        self._storage = Storage(MemoryStore(), patience=0)

    def batch(self, uid: str, earlier: str | None = None, **output: object) -> Batch:
        job = RunnerJob(
            namespace="shop",
            name=uid,
            uid=uid,
            source=JobSource(path=str(self._source)),
            output=Output.model_validate(output),
            reuse_from=earlier,
        )
        reused = earlier and EarlierBatch(earlier, self._storage, BatchKeys.of("shop", earlier))
        keys = BatchKeys.of("shop", uid)
        return Batch(job, keys, self._storage, Settings(), reused or None)

    def done(self, uid: str, *results: ImageResult) -> None:
        batch = self.batch(uid)
        plan(batch)
        self._storage.put(batch.keys.part(0, "p", 0), b"".join(lines(*results)))
        collect(batch)


def test_plan_writes_what_was_found_into_the_shards_and_remembers_the_batch(
    tmp_path: Path,
) -> None:
    shop = Shop(tmp_path)
    shop.done("a", result("http://h/1"))
    second = shop.batch("b", "a")
    made = plan(second)
    items = from_lines(second.storage.get(second.keys.shard(0)) or b"")
    assert [item.earlier and item.earlier.etag for item in items] == ['"t"', None]
    assert made.reuse is not None
    assert (made.reuse.batch, made.reuse.images, made.reuse.refusal) == ("a", 1, None)
    assert made.message().reuse == "1 of 2 images have an earlier output"
    assert plan(second) == made


@pytest.mark.parametrize(
    ("output", "named"),
    [
        ({"format": "png"}, "format"),
        ({"maxWidth": 10}, "maxWidth"),
        ({"quality": 51, "metadata": "keep"}, "quality and metadata"),
    ],
)
def test_options_of_the_output_must_be_equal(
    tmp_path: Path, output: dict[str, object], named: str
) -> None:
    shop = Shop(tmp_path)
    shop.done("a", result("http://h/1"))
    made = plan(shop.batch("b", "a", **output))
    assert made.reuse is not None
    assert made.reuse.refusal == f"the earlier batch has another {named}"
    assert made.reuse.images == 0


def test_the_codec_is_named_with_its_native_part(tmp_path: Path) -> None:
    assert [codec_name(native=native) for native in (False, True)] == ["4", "4+native"]
    assert plan(Shop(tmp_path).batch("a")).codec == CODEC


def test_plan_of_an_unknown_kind_takes_nothing_over(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.done("a", result("http://h/1"))
    batch = shop.batch("b", "a")
    batch.storage.put(BatchKeys.of("shop", "a").plan, b'{"of": "the future"}')
    made = plan(batch)
    assert made.reuse is not None
    assert made.reuse.refusal == "the earlier batch is of another release"
