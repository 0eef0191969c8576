"""A batch goes on where it was begun, although the release's prefix is another one since."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import obstore
import pytest

from imagebatch_core.keys import BatchKeys
from support.imagehost import ImageHost
from support.pictures import jpeg
from support.runnerbatch import PUBLIC, RunnerBatch, products
from support.seaweedfs import SeaweedFS

Build = Callable[..., RunnerBatch]


def move(built: RunnerBatch, prefix: str) -> None:
    """What the runner's ConfigMap says from now on."""
    built.settings["IMAGEBATCH_STORE"] = f"s3://{built.s3.bucket}/{prefix}"


def root_of(built: RunnerBatch, prefix: str) -> str:
    return BatchKeys.of("shop", built.uid, f"{prefix}/").root


def test_a_prefix_that_changes_between_the_steps_loses_nothing(
    batch: Build, host: ImageHost
) -> None:
    urls = [host.add(f"{n}.jpg", jpeg(size=(200 + n, 150))) for n in range(6)]
    built = batch(products(urls), imagesPerShard=3)
    old = root_of(built, "old")
    built.job["root"] = old
    for step, index, prefix in (
        ("plan", 0, "old"),
        ("compress", 0, "old"),
        ("compress", 1, "new"),
        ("collect", 0, "new"),
    ):
        move(built, prefix)
        ended = built.run(step, index)
        assert ended.code == 0, ended.log
    assert ended.message is not None
    assert ended.message.report_key == f"{old}report.csv"
    assert built.list("new/") == []
    lines = built.get(f"{old}report.jsonl").splitlines()
    assert len(lines) == 6
    outputs = built.list(BatchKeys(old).images)
    assert [f"{PUBLIC}/{key}" for key in outputs] == sorted(
        line.split(b'"output_url":"')[1].split(b'"')[0].decode() for line in lines
    ), "an output's address is that of its key in the bucket"


def test_an_upload_is_read_below_the_prefix_of_its_batch(batch: Build, host: ImageHost) -> None:
    text = products([host.add("a.jpg", jpeg())])
    built = batch(text, source={"key": "shop/uploads/a.csv"})
    built.job["root"] = root_of(built, "old")
    obstore.put(built.store, "old/shop/uploads/a.csv", text.encode())
    move(built, "new")
    assert built.run_all().images == 1


def test_a_missing_upload_is_named_with_its_prefix(batch: Build) -> None:
    built = batch("", source={"key": "shop/uploads/none.csv"})
    move(built, "team")
    ended = built.run("plan")
    assert ended.code == 2
    assert ended.message is not None
    assert "'team/shop/uploads/none.csv'" in (ended.message.error or "")


def test_outputs_are_taken_over_from_below_another_prefix(
    s3: SeaweedFS, host: ImageHost, tmp_path: Path
) -> None:
    text = products([host.add("a.jpg", jpeg())])
    first, second = (
        RunnerBatch.of(s3, folder, text)
        for folder in (tmp_path / "first", tmp_path / "second")
        if folder.mkdir() is None
    )
    move(first, "old")
    first.run_all()
    second.job |= {"reuseFrom": first.uid, "reuseRoot": root_of(first, "old")}
    move(second, "new")
    message = second.run_all()
    assert message.totals is not None
    assert message.totals.reused == 1
    keys = BatchKeys(root_of(second, "new"))
    [output] = second.list(keys.images)
    assert second.get(output) == first.get(first.list(BatchKeys(root_of(first, "old")).images)[0])


@pytest.mark.parametrize("root", ["old/studio/uid/", "shop/../studio/uid/"])
def test_a_root_of_another_namespace_is_refused(batch: Build, root: str) -> None:
    built = batch(products(["https://a.example/1.jpg"]), root=root)
    ended = built.run("plan")
    assert ended.code == 3
    assert ended.message is not None
    assert "namespace shop" in (ended.message.error or "")
