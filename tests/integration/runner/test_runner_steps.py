"""Plan, compress and collect as processes against a real S3 and a real image host."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import obstore
import pytest

from imagebatch_core.job import Step
from imagebatch_core.reasons import Reason
from support.imagehost import ImageHost
from support.nocsv import NO_CSV
from support.pictures import decoded, encoded, jpeg, photo
from support.runnerbatch import PUBLIC, RunnerBatch, products

Build = Callable[..., RunnerBatch]


def test_all_images_come_back_in_input_order_over_several_shards(
    batch: Build, host: ImageHost
) -> None:
    urls = [host.add(f"{n}.jpg", jpeg(size=(200 + n, 150))) for n in range(25)]
    built = batch(products(urls), imagesPerShard=10)
    message = built.run_all()
    assert message.totals is not None
    assert (message.totals.succeeded, message.images, message.shards) == (25, 25, 3)
    report = built.report()
    assert [line["input_url"] for line in report] == urls
    assert [(line["row"], line["position"]) for line in report[:4]] == [
        (1, 1),
        (1, 2),
        (1, 3),
        (2, 1),
    ]
    for line, url in zip(report, urls, strict=True):
        output = built.get(line["output_url"].removeprefix(f"{PUBLIC}/"))
        assert len(output) == line["bytes_out"] < line["bytes_in"]
        assert sha256(output).hexdigest() in line["output_url"]
        width = 200 + int(url.rpartition("/")[2].removesuffix(".jpg"))
        assert decoded(output).size == (line["width"], line["height"]) == (width, 150)


def test_an_export_of_a_shop_comes_back_with_all_its_columns(batch: Build, host: ImageHost) -> None:
    for name in ("lamp", "side"):
        host.add(f"media/{name}.jpg", jpeg())
    text = 'sku,name,base_image,additional_images,qty\nL-1,Lamp,/lamp.jpg,"/side.jpg,/gone.jpg",3\n'
    built = batch(text)
    built.job["source"]["baseUrl"] = host.url("media")
    message = built.run_all()
    assert message.totals is not None
    assert (message.totals.succeeded, message.totals.failed, message.row_problems) == (2, 1, 0)
    assert any("export of Adobe Commerce" in notice for notice in message.notices)
    [row] = csv.DictReader(io.StringIO(built.get(built.keys.report_csv).decode("utf-8-sig")))
    assert (row["S. No."], row["Product Name"]) == ("L-1", "Lamp")
    kept = {name: row[name] for name in ("sku", "name", "base_image", "additional_images", "qty")}
    assert list(kept.values()) == ["L-1", "Lamp", "/lamp.jpg", "/side.jpg,/gone.jpg", "3"]
    assert [bool(url) for url in row["Output Image Urls"].split(",")] == [True, True, False]


def test_report_csv_keeps_rows_columns_and_places(batch: Build, host: ImageHost) -> None:
    good = host.add("good.jpg", jpeg())
    missing = host.url("missing.jpg")
    text = (
        "Colour,S. No.,Product Name,Input Image Urls\r\n"
        f'=1+1,1,SKU1,"{good},{missing},{good}"\r\n'
        "blue,2,SKU2,\r\n"
        f"red,3,SKU3,{missing},{good}\r\n"
    )
    built = batch(text)
    message = built.run_all()
    assert (message.products, message.images, message.row_problems) == (3, 5, 1)
    raw = built.get(built.keys.report_csv).decode()
    header = "S. No.,Product Name,Input Image Urls,Output Image Urls,Colour,Error"
    assert raw.splitlines()[0] == header
    first, second, third = built.table()
    one, two, three = first["Output Image Urls"].split(",")
    assert one.startswith(f"{PUBLIC}/shop/{built.uid}/images/1-1-")
    assert three.startswith(f"{PUBLIC}/shop/{built.uid}/images/1-3-")
    assert two == ""
    assert first["Error"] == "2: http_status 404 Not Found"
    assert first["Colour"] == "'=1+1"
    assert second["Error"] == "no image URL in this row"
    assert third["Output Image Urls"].startswith(",https://")
    assert third["Input Image Urls"] == f"{missing},{good}"
    assert message.report_key == built.keys.report_csv
    assert message.report_sha256 == sha256(raw.encode()).hexdigest()


def test_each_distinct_url_of_a_shard_is_fetched_once(batch: Build, host: ImageHost) -> None:
    url = host.add("same.jpg", jpeg())
    built = batch(products([url] * 7))
    built.run_all()
    assert host.requests["/same.jpg"] == 1
    assert len({line["output_url"] for line in built.report()}) == 7


def test_small_batch_is_done_whole_by_the_plan_pod(batch: Build, host: ImageHost) -> None:
    built = batch(products([host.add("a.jpg", jpeg())]))
    ended = built.run("plan")
    assert ended.code == 0
    assert ended.message is not None
    assert ended.message.step is Step.COLLECT


def test_log_says_how_long_each_step_took(batch: Build, host: ImageHost) -> None:
    ended = batch(products([host.add("a.jpg", jpeg())])).run("plan")
    events = [json.loads(line) for line in ended.log.splitlines()]
    timed = {event["step"]: event["seconds"] for event in events if "seconds" in event}
    assert list(timed) == ["plan", "compress", "collect"]
    assert all(seconds > 0 for seconds in timed.values())


def test_one_shard_that_awaits_confirmation_is_planned_alone_and_goes_on_afterwards(
    batch: Build, host: ImageHost
) -> None:
    built = batch(products([host.add("a.jpg", jpeg())]), suspendAfterPlan=True)
    planned = built.run("plan")
    assert planned.message is not None
    assert (planned.message.step, planned.message.shards) == (Step.PLAN, 1)
    assert host.requests == {"/a.jpg": 1}  # the sample that the estimate is made from
    assert built.list(built.keys.images) == built.list(built.keys.results) == []
    del built.job["suspendAfterPlan"]
    assert built.run("compress", 0).code == 0
    collected = built.run("collect")
    assert collected.message is not None
    assert collected.message.totals is not None
    assert collected.message.totals.succeeded == 1


def test_a_second_run_works_on_the_shards_of_its_document(batch: Build, host: ImageHost) -> None:
    urls = [host.add(f"{n}.jpg", jpeg(size=(200 + n, 150))) for n in range(5)]
    built = batch(products(urls), imagesPerShard=1)
    assert built.run("plan").code == 0
    built.job["shards"] = "1,3-4"
    assert [built.run("compress", index).code for index in range(3)] == [0, 0, 0]
    assert set(host.requests) == {"/1.jpg", "/3.jpg", "/4.jpg"}
    beyond = built.run("compress", 3)
    assert beyond.code == 3
    assert beyond.message is not None
    assert beyond.message.error == "JOB_COMPLETION_INDEX=3 has no shard"


def test_dry_run_only_plans(batch: Build, host: ImageHost) -> None:
    built = batch(products([host.add("a.jpg", jpeg())]), dryRun=True)
    ended = built.run("plan")
    assert ended.message is not None
    assert (ended.code, ended.message.step, ended.message.images) == (0, Step.PLAN, 1)
    assert host.requests == {"/a.jpg": 1}  # the sample that the estimate is made from
    assert built.list(built.keys.images) == built.list(built.keys.results) == []


def test_plan_run_again_gives_the_same_and_looks_at_its_own_copy(
    batch: Build, host: ImageHost
) -> None:
    built = batch(products([host.url(f"{n}") for n in range(30)]), imagesPerShard=10)
    first = built.run("plan")
    (built.folder / "products.csv").write_text("gone")
    again = built.run("plan")
    assert first.message is not None
    assert again.message is not None
    assert again.message.model_copy(update={"seconds": {}}) == first.message.model_copy(
        update={"seconds": {}}
    )


def test_collect_run_again_gives_the_same_report(batch: Build, host: ImageHost) -> None:
    built = batch(products([host.add("a.jpg", jpeg())] * 12), imagesPerShard=4)
    first = built.run_all()
    again = built.run("collect").message
    assert again is not None
    assert (again.report_sha256, again.totals) == (first.report_sha256, first.totals)


def test_shard_that_never_ran_is_reported_as_retryable(batch: Build, host: ImageHost) -> None:
    built = batch(products([host.add("a.jpg", jpeg())] * 6), imagesPerShard=3)
    assert built.run("plan").code == 0
    assert built.run("compress", 1).code == 0
    message = built.run("collect").message
    assert message is not None
    assert message.totals is not None
    assert (message.totals.succeeded, message.totals.failed) == (3, 3)
    assert [line["error_code"] for line in built.report()] == ["shard_failed"] * 3 + [None] * 3
    assert all(line["retryable"] for line in built.report()[:3])


def test_first_shard_offsets_the_completion_index(batch: Build, host: ImageHost) -> None:
    built = batch(products([host.add("a.jpg", jpeg())] * 6), imagesPerShard=2, firstShard=2)
    assert built.run("plan").code == 0
    assert built.run("compress", 0).code == 0
    assert built.list(built.keys.shard_results(2))
    assert not built.list(built.keys.shard_results(0))


def test_index_leads_to_every_thousandth_row(batch: Build) -> None:
    built = batch(products([f"ftp://x/{n}" for n in range(2499)] + ["http://127.0.0.1:8/x"], 1))
    built.job["retries"] = 0
    built.run_all()
    index = json.loads(built.get(built.keys.report_index))
    assert (index["every"], index["rows"], len(index["csv"])) == (1000, 2500, 3)
    table = built.get(built.keys.report_csv)
    lines = built.get(built.keys.report_jsonl)
    assert table[index["csv"][2] :].startswith(b"2001,SKU2001,")
    assert json.loads(lines[index["jsonl"][2] :].splitlines()[0])["row"] == 2001
    invalid, unreached = index["failures"]
    assert (invalid["code"], invalid["count"]) == ("invalid_url", 2499)
    assert invalid["ranges"] == [[1, 0, len(lines[: lines.rindex(b"\n", 0, -1)]) + 1]]
    (row, start, end) = unreached["ranges"][0]
    assert (row, json.loads(lines[start:end])["error_code"]) == (2500, unreached["code"])


def test_rows_of_the_input_can_be_read_from_every_thousandth_on(batch: Build) -> None:
    built = batch(products([f"ftp://x/{n}" for n in range(2499)] + ["http://127.0.0.1:8/x"], 1))
    assert built.run("plan").code == 0
    index = json.loads(built.get(built.keys.rows_index))
    assert (index["every"], index["rows"], index["firstImages"]) == (1000, 2500, [0, 1000, 2000])
    lines = built.get(built.keys.rows)
    row = json.loads(lines[index["offsets"][2] :].splitlines()[0])
    assert row == ["2001", "SKU2001", ["ftp://x/2000"]]


def test_source_may_be_an_object_of_the_bucket(batch: Build, host: ImageHost) -> None:
    text = products([host.add("a.jpg", jpeg())])
    built = batch("unused", source={"key": "shop/uploads/1/x.csv"})
    obstore.put(built.store, "shop/uploads/1/x.csv", text.encode())
    assert built.run("plan").code == 0
    assert built.get(built.keys.input) == text.encode()
    assert json.loads(built.get(built.keys.owner))["name"] == "spring"


def test_source_may_be_an_address_behind_the_guard(batch: Build, host: ImageHost) -> None:
    text = products([host.add("a.jpg", jpeg())]).encode()
    built = batch("unused", source={"url": host.add("list.csv", text, "text/csv")})
    assert built.run("plan").code == 0
    closed = batch("unused", source={"url": host.url("list.csv")})
    closed.settings["IMAGEBATCH_FETCH_ALLOW"] = ""
    ended = closed.run("plan")
    assert ended.code == 2
    assert ended.message is not None
    assert "not a public address" in (ended.message.error or "")


@pytest.mark.parametrize("way", ["path", "key", "url", "encoded"])
def test_source_may_be_gzip(batch: Build, host: ImageHost, way: str) -> None:
    text = products([host.add("a.jpg", jpeg())]).encode()
    packed = gzip.compress(text)
    built = batch("unused")
    if way == "path":
        Path(built.job["source"]["path"]).write_bytes(packed)
    elif way == "key":
        built.job["source"] = {"key": "uploads/x.csv.gz"}
        obstore.put(built.store, "uploads/x.csv.gz", packed)
    else:

        def answer(handler: Any) -> None:
            handler.send_response(200)
            if way == "encoded":
                handler.send_header("Content-Encoding", "gzip")
            handler.send_header("Content-Length", str(len(packed)))
            handler.end_headers()
            handler.wfile.write(packed)

        built.job["source"] = {"url": host.on("products.csv.gz", answer)}
    assert built.run("plan").code == 0
    assert built.get(built.keys.input) == text
    assert [line["status"] for line in built.report()] == ["succeeded"]


def test_source_that_unpacks_to_more_than_the_limit_is_refused(batch: Build) -> None:
    built = batch("unused")
    bomb = gzip.compress(bytes(64 << 20))
    Path(built.job["source"]["path"]).write_bytes(bomb)
    built.settings["IMAGEBATCH_SOURCE_MAX_BYTES"] = str(8 << 20)
    assert len(bomb) < 8 << 20
    ended = built.run("plan")
    assert ended.code == 2
    assert ended.message is not None
    assert ended.message.reason is Reason.INPUT_REFUSED
    assert "larger than 8 MiB" in (ended.message.error or "")


def test_address_that_fails_for_a_moment_is_asked_again(batch: Build, host: ImageHost) -> None:
    text = products([host.add("a.jpg", jpeg())]).encode()
    built = batch("unused", source={"url": host.failing_first("list.csv", text, times=2)})
    assert built.run("plan").code == 0
    assert host.requests["/list.csv"] == 3
    assert built.get(built.keys.input) == text


@pytest.mark.parametrize("kind", ["503", "429", "hanging", "no name", "closed", "cut off"])
def test_address_that_keeps_failing_is_left_to_the_retries_of_the_job(
    batch: Build, host: ImageHost, kind: str
) -> None:
    text = products([host.url("a.jpg")]).encode() * 100
    url = {
        "503": lambda: host.status("list.csv", 503),
        "429": lambda: host.status("list.csv", 429, {"Retry-After": "7200"}),
        "hanging": lambda: host.slow("list.csv", text, 60),
        "no name": lambda: "http://no-such-host.invalid/list.csv",
        "closed": lambda: "http://127.0.0.1:2/list.csv",
        "cut off": lambda: host.truncated("list.csv", text),
    }[kind]()
    built = batch("unused", source={"url": url}, retries=1)
    built.settings["IMAGEBATCH_FETCH_TOTAL_SECONDS"] = "2"
    ended = built.run("plan")
    assert ended.code == 1
    assert ended.message is not None
    assert ended.message.reason is Reason.PLAN_FAILED
    assert (ended.message.error or "").startswith(url)
    assert host.requests["/list.csv"] == {"429": 1, "no name": 0, "closed": 0}.get(kind, 2)


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_address_that_refuses_is_not_asked_again(
    batch: Build, host: ImageHost, status: int
) -> None:
    built = batch("unused", source={"url": host.status("list.csv", status)})
    ended = built.run("plan")
    assert ended.code == 2
    assert ended.message is not None
    assert ended.message.reason is Reason.INPUT_REFUSED
    assert host.requests["/list.csv"] == 1


def test_store_that_does_not_answer_is_left_to_the_retries_of_the_job(
    batch: Build, host: ImageHost
) -> None:
    built = batch(products([host.url("a")]))
    built.settings |= {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "IMAGEBATCH_STORAGE_PATIENCE_SECONDS": "0",
    }
    ended = built.run("plan")
    assert ended.code == 1
    assert ended.message is not None
    assert ended.message.reason is Reason.PLAN_FAILED
    assert "does not answer" in (ended.message.error or "")


def test_key_pair_that_is_refused_after_plan_can_be_mended(batch: Build, host: ImageHost) -> None:
    built = batch(products([host.add("a.jpg", jpeg())] * 4), imagesPerShard=2)
    assert built.run("plan").code == 0
    built.settings["AWS_SECRET_ACCESS_KEY"] = "rotated"
    for step in ("compress", "collect"):
        assert built.run(step).code == 3
    del built.settings["AWS_SECRET_ACCESS_KEY"]
    assert built.run("compress").code == 0


def test_missing_source_is_refused_with_the_reason_source_not_found(batch: Build) -> None:
    ended = batch("unused", source={"key": "shop/uploads/none.csv"}).run("plan")
    assert ended.code == 2
    assert ended.message is not None
    assert ended.message.reason is Reason.SOURCE_NOT_FOUND


@pytest.mark.parametrize("kind", ["xlsx", "xls", "ods", "zip", "pdf", "JSON", "web page"])
def test_file_that_is_no_csv_gets_advice(batch: Build, kind: str) -> None:
    content, words = NO_CSV[kind]
    made = batch("")
    Path(made.job["source"]["path"]).write_bytes(content)
    ended = made.run("plan")
    assert ended.code == 2
    assert ended.message is not None
    assert ended.message.reason is Reason.INPUT_REFUSED
    assert words in (ended.message.error or "")
    assert "Traceback" not in ended.log


def test_input_that_is_no_csv_is_refused_with_its_line(batch: Build) -> None:
    ended = batch('S. No.,Product Name,Input Image Urls\n1,a,"http://x/1\n').run("plan")
    assert ended.code == 2
    assert ended.message is not None
    assert ended.message.reason is Reason.INPUT_REFUSED
    assert (ended.message.error or "").startswith("line 2:")


def test_input_without_any_usable_url_is_refused(batch: Build) -> None:
    ended = batch(products(["ftp://x/1.jpg", "nonsense"])).run("plan")
    assert ended.code == 2
    assert ended.message is not None
    assert "no row has a usable image URL" in (ended.message.error or "")


def test_wrong_key_pair_ends_with_configuration_refused(batch: Build, host: ImageHost) -> None:
    built = batch(products([host.url("a")]))
    built.settings["AWS_SECRET_ACCESS_KEY"] = "wrong"
    ended = built.run("plan")
    assert ended.code == 3
    assert ended.message is not None
    assert ended.message.reason is Reason.CONFIGURATION_REFUSED
    assert "key pair" in (ended.message.error or "")


def test_missing_bucket_ends_with_configuration_refused(batch: Build, host: ImageHost) -> None:
    built = batch(products([host.url("a")]))
    built.settings["IMAGEBATCH_STORE"] = "s3://no-such-bucket"
    ended = built.run("plan")
    assert ended.code == 3
    assert ended.message is not None
    assert "bucket" in (ended.message.error or "")


def test_wrong_setting_ends_with_configuration_refused(batch: Build, host: ImageHost) -> None:
    built = batch(products([host.url("a")]))
    built.settings["IMAGEBATCH_MAX_PIXELS"] = "many"
    ended = built.run("plan")
    assert ended.code == 3
    assert ended.message is not None
    assert "IMAGEBATCH_MAX_PIXELS='many'" in (ended.message.error or "")


def test_wrong_log_level_ends_with_configuration_refused(batch: Build, host: ImageHost) -> None:
    built = batch(products([host.url("a")]))
    built.settings["IMAGEBATCH_LOG_LEVEL"] = "loud"
    ended = built.run("plan")
    assert ended.code == 3
    assert ended.message is not None
    assert "IMAGEBATCH_LOG_LEVEL='loud'" in (ended.message.error or "")
    assert "Traceback" not in ended.log


def test_output_format_and_limits_apply(batch: Build, host: ImageHost) -> None:
    url = host.add("a.png", encoded(photo(), "PNG"), "image/png")
    built = batch(products([url]), output={"format": "webp", "maxWidth": 100})
    built.run_all()
    line = built.report()[0]
    output = decoded(built.get(line["output_url"].removeprefix(f"{PUBLIC}/")))
    assert (output.format, output.width) == ("WEBP", 100)
    assert line["output_url"].endswith(".webp")
