"""A retry fetches the failed images of an earlier batch alone, and its report lists all rows."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import obstore
import pytest

from imagebatch_core.reasons import Reason
from support.imagehost import ImageHost
from support.nights import Nights, codes, delete, outputs, statuses
from support.pictures import jpeg
from support.runnerbatch import RunnerBatch
from support.seaweedfs import SeaweedFS


@pytest.fixture
def nights(s3: SeaweedFS, tmp_path: Path) -> Nights:
    return Nights(s3, tmp_path)


def picture(number: int) -> bytes:
    return jpeg(size=(120 + number, 90))


def retry_of(nights: Nights, earlier: RunnerBatch, only: str = "failed", **job: Any) -> RunnerBatch:
    built = nights.night([], earlier, **job)
    built.job["source"] = {"retry": only}
    return built


def catalogue(host: ImageHost, missing: set[int], count: int = 25) -> list[str]:
    return [
        host.url(f"{n}.jpg") if n in missing else host.add(f"{n}.jpg", picture(n))
        for n in range(count)
    ]


def test_only_what_failed_is_fetched_and_the_report_lists_all_rows(
    nights: Nights, host: ImageHost
) -> None:
    output = {"format": "webp", "maxWidth": 100}
    urls = catalogue(host, {3, 4, 23})
    first = nights.done(urls, imagesPerShard=5, output=output)
    assert codes(first)["http_status"] == 3
    for number in (3, 23):
        host.add(f"{number}.jpg", picture(number))
    host.forget()
    again = retry_of(nights, first)
    planned = again.run("plan").message
    assert planned is not None
    assert (planned.shards, planned.images, planned.carried) == (2, 25, 22)
    assert planned.reuse == "3 of 25 images are retried, the others stay"
    assert [again.run("compress", index).code for index in range(2)] == [0, 0]
    collected = again.run("collect").message
    assert collected is not None
    assert collected.totals is not None
    assert (collected.totals.succeeded, collected.totals.failed) == (24, 1)
    assert host.requests == {"/3.jpg": 1, "/4.jpg": 1, "/23.jpg": 1}
    before, now = first.report(), again.report()
    assert [line["input_url"] for line in now] == urls
    for number, (old, new) in enumerate(zip(before, now, strict=True)):
        if number not in (3, 4, 23):
            assert new == old
    for number in (3, 23):
        assert now[number]["output_key"].startswith(again.keys.images)
        assert (now[number]["width"], now[number]["output_key"][-5:]) == (100, ".webp")
    assert now[4]["error_code"] == "http_status"
    assert len(again.list(again.keys.images)) == 2
    assert [row["Product Name"] for row in again.table()] == [
        row["Product Name"] for row in first.table()
    ]
    recorded = sum(len(again.get(key).splitlines()) for key in again.list(again.keys.results))
    assert recorded == 25
    told = [json.loads(again.get(key)) for key in again.list(again.keys.progress)]
    assert sum(pod["totals"]["succeeded"] + pod["totals"]["failed"] for pod in told) == 25


def test_a_retry_of_one_shard_is_done_by_its_plan_pod(nights: Nights, host: ImageHost) -> None:
    first = nights.done(catalogue(host, {7}), imagesPerShard=5)
    host.add("7.jpg", picture(7))
    host.forget()
    again = retry_of(nights, first)
    ended = again.run("plan").message
    assert ended is not None
    assert ended.totals is not None
    assert (ended.totals.succeeded, ended.shards, ended.carried) == (25, 1, 24)
    assert host.requests == {"/7.jpg": 1}


def test_retryable_leaves_the_other_failures_as_they_are(nights: Nights, host: ImageHost) -> None:
    urls = [host.add("a.jpg", picture(1)), host.url("gone.jpg"), host.status("busy.jpg", 503)]
    first = nights.done(urls, retries=0)
    assert codes(first) == {None: 1, "http_status": 1, "server_error": 1}
    host.add("gone.jpg", picture(2))
    host.add("busy.jpg", picture(3))
    host.forget()
    again = retry_of(nights, first, "retryable")
    again.run_all()
    assert codes(again) == {None: 2, "http_status": 1}
    assert host.requests == {"/busy.jpg": 1}
    nothing = retry_of(nights, again, "retryable").run("plan")
    assert nothing.code == 2
    assert nothing.message is not None
    assert nothing.message.reason is Reason.NOTHING_TO_RETRY
    assert nothing.message.error == "the batch of spec.source.retryOf has no retryable failure"


def test_a_retry_of_a_retry_takes_over_the_outputs_of_both(nights: Nights, host: ImageHost) -> None:
    first = nights.done(catalogue(host, {3, 12}), imagesPerShard=5)
    host.add("3.jpg", picture(3))
    second = retry_of(nights, first)
    second.run_all()
    host.add("12.jpg", picture(12))
    host.forget()
    third = retry_of(nights, second)
    third.run_all()
    assert statuses(third) == ["succeeded"] * 25
    assert host.requests == {"/12.jpg": 1}
    roots = {line["output_key"].partition("images/")[0] for line in third.report()}
    assert roots == {batch.keys.root for batch in (first, second, third)}
    assert len(outputs(third)) == 25


def test_what_an_earlier_batch_did_not_reach_is_taken_up_also_without_its_report(
    nights: Nights, host: ImageHost
) -> None:
    first = nights.night(catalogue(host, {1}), imagesPerShard=5)
    assert first.run("plan").code == 0
    assert [first.run("compress", shard).code for shard in (0, 3)] == [0, 0]
    host.add("1.jpg", picture(1))
    host.forget()
    again = retry_of(nights, first)
    again.run_all()
    assert statuses(again) == ["succeeded"] * 25
    untouched = {f"/{n}.jpg" for n in (0, 2, 3, 4, 15, 16, 17, 18, 19)}
    assert set(host.requests) == {f"/{n}.jpg" for n in range(25)} - untouched


def test_plan_of_a_retry_that_is_killed_or_repeated_records_the_same(
    nights: Nights, host: ImageHost
) -> None:
    first = nights.done(catalogue(host, {3, 12}, count=60), imagesPerShard=5)
    host.add("3.jpg", picture(3))
    again = retry_of(nights, first, suspendAfterPlan=True)
    process = again.start("plan")
    again.wait_for_parts(1)
    again.kill(process, signal.SIGKILL)
    again.wait(process)
    assert again.run("plan").code == 0
    before = {key: again.get(key) for key in again.list(again.keys.root)}
    assert again.run("plan").code == 0
    assert {key: again.get(key) for key in again.list(again.keys.root)} == before
    again.job.pop("suspendAfterPlan")
    again.run_all()
    assert codes(again) == {None: 59, "http_status": 1}


def test_an_earlier_batch_whose_data_is_gone_is_refused(nights: Nights, host: ImageHost) -> None:
    first = nights.done(catalogue(host, {1}))
    again = retry_of(nights, first)
    obstore.delete(first.store, first.keys.input)
    ended = again.run("plan")
    assert (ended.code, ended.message and ended.message.reason) == (2, Reason.SOURCE_NOT_FOUND)
    delete(first)
    ended = again.run("plan")
    assert (ended.code, ended.message and ended.message.reason) == (2, Reason.SOURCE_NOT_FOUND)
    assert ended.message is not None
    assert first.keys.root in (ended.message.error or "")


def test_a_retry_reads_the_columns_that_the_earlier_batch_read(
    nights: Nights, host: ImageHost
) -> None:
    first = nights.night([], imagesPerShard=5)
    host.add("a.jpg", picture(1))
    text = "sku,base_image,additional_images\nL-1,/a.jpg,/b.jpg\n"
    Path(first.job["source"]["path"]).write_text(text)
    first.job["source"]["baseUrl"] = host.url("")
    first.run_all()
    assert statuses(first) == ["succeeded", "failed"]
    host.add("b.jpg", picture(2))
    again = retry_of(nights, first)
    again.run_all()
    assert statuses(again) == ["succeeded", "succeeded"]
