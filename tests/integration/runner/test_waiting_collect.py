"""Collect that waits for the last image has uploaded most of its reports by then."""

from __future__ import annotations

import time
from collections.abc import Callable

import obstore

from imagebatch_core.results import ImageResult, ImageStatus
from support.runnerbatch import PUBLIC, RunnerBatch, products
from support.seaweedfs import SeaweedFS

Build = Callable[..., RunnerBatch]

#: Enough for a report of more than one part of an upload, and one more shard of one image.
IMAGES = 16_001


def recorded(built: RunnerBatch, shard: int, rows: range) -> None:
    lines = [
        ImageResult(
            row,
            1,
            f"http://127.0.0.1:2/{row}.jpg",
            ImageStatus.SUCCEEDED,
            output_url=f"{PUBLIC}/shop/{built.uid}/images/{row}-1-{row:064x}.jpg",
            output_key=f"shop/{built.uid}/images/{row}-1-{row:064x}.jpg",
            source_sha256=f"{row:064x}",
            etag='"5e1"',
        ).to_line()
        for row in rows
    ]
    obstore.put(built.store, built.keys.part(shard, "pod", 0), "".join(lines).encode())


def test_a_collect_that_waits_uploads_the_beginning_and_ends_as_one_that_does_not(
    batch: Build, s3: SeaweedFS
) -> None:
    text = products([f"http://127.0.0.1:2/{n}.jpg" for n in range(1, IMAGES + 1)], per_row=1)
    built = batch(text, imagesPerShard=IMAGES - 1)
    assert built.run("plan").code == 0
    recorded(built, 0, range(1, IMAGES))
    before = s3.unfinished()
    built.job["wait"] = True
    collecting = built.start("collect")
    end = time.monotonic() + 60
    while s3.unfinished() == before:
        assert time.monotonic() < end, built.log()
        time.sleep(0.1)
    assert not set(built.list(built.keys.root)) & {built.keys.report_csv, built.keys.report_jsonl}
    recorded(built, 1, range(IMAGES, IMAGES + 1))
    assert built.wait(collecting).code == 0, built.log()
    assert s3.unfinished() == before
    reports = (built.keys.report_csv, built.keys.report_jsonl, built.keys.report_index)
    waited = [built.get(key) for key in reports]
    obstore.delete(built.store, [*reports, built.keys.summary])
    del built.job["wait"]
    assert built.run("collect").code == 0
    assert [built.get(key) for key in reports] == waited
