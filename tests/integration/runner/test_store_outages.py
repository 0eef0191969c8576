"""The store fails in every way that networks and stores do: the work waits and goes on."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from imagebatch_runner.failures import StorageUnavailable
from imagebatch_runner.store.storage import Storage
from support.imagehost import ImageHost
from support.pictures import jpeg
from support.runnerbatch import RunnerBatch, products
from support.s3proxy import Mode, S3Proxy
from support.seaweedfs import SeaweedFS

Build = Callable[..., RunnerBatch]

FAULTS: tuple[Mode, ...] = ("refuse", "reset", "hang", "slow", "500", "503")


@pytest.fixture
def proxy(s3: SeaweedFS) -> Iterator[S3Proxy]:
    with S3Proxy(s3) as made:
        yield made


def slow_photos(host: ImageHost, count: int, seconds: float) -> list[str]:
    return [host.slow(f"{n}.jpg", jpeg(size=(120 + n % 50, 100)), seconds) for n in range(count)]


def through(batch: Build, proxy: S3Proxy, urls: list[str], **job: object) -> RunnerBatch:
    built = batch(products(urls), **job)
    built.settings |= proxy.env() | {
        "IMAGEBATCH_PART_IMAGES": "20",
        "IMAGEBATCH_FETCH_CONCURRENCY": "4",
    }
    return built


def test_shard_goes_on_after_outages_of_every_kind(
    batch: Build, host: ImageHost, proxy: S3Proxy
) -> None:
    urls = slow_photos(host, 250, 0.1)
    built = through(batch, proxy, urls, imagesPerShard=240)
    outlives(built, proxy, host, 1.2)
    assert built.run("compress", 1).code == 0
    assert built.run("collect").code == 0
    assert [line["status"] for line in built.report()] == ["succeeded"] * len(urls)


@pytest.mark.long
@pytest.mark.parametrize("mode", FAULTS)
def test_shard_goes_on_after_a_minute_without_the_store(
    batch: Build, host: ImageHost, proxy: S3Proxy, mode: Mode
) -> None:
    built = through(batch, proxy, slow_photos(host, 250, 0.1), imagesPerShard=240)
    outlives(built, proxy, host, 60, (mode,))


def outlives(
    built: RunnerBatch,
    proxy: S3Proxy,
    host: ImageHost,
    seconds: float,
    modes: tuple[Mode, ...] = FAULTS,
) -> None:
    """The first shard is done through outages of so many seconds, each image fetched once."""
    assert built.run("plan").code == 0
    proxy.requests.clear()
    process = built.start("compress", 0)
    built.wait_for_parts(1)
    for mode in modes:
        proxy.fail(mode)
        time.sleep(seconds)
        proxy.heal()
    ended = built.wait(process, 300)
    assert ended.code == 0, ended.log
    met = {mode for mode, _ in proxy.requests}
    assert met >= set(modes) & {"hang", "slow", "500", "503"}
    assert set(host.requests.values()) == {1}
    assert sum(host.requests.values()) == built.job["imagesPerShard"]


def test_a_file_that_is_there_already_is_no_refusal(proxy: S3Proxy, tmp_path: Path) -> None:
    """As when the store took it, and the answer was lost."""
    env = proxy.env()
    storage = Storage.open(env["IMAGEBATCH_STORE"], env, patience=5)
    path = tmp_path / "input.csv"
    path.write_bytes(b"first")
    assert storage.create_from_file("outages/input.csv", path)
    path.write_bytes(b"second")
    assert not storage.create_from_file("outages/input.csv", path)
    assert storage.get("outages/input.csv") == b"first"


@pytest.mark.parametrize("mode", ["refuse", "hang", "503"])
def test_plan_and_collect_go_on_after_an_outage(
    batch: Build, host: ImageHost, proxy: S3Proxy, mode: Mode
) -> None:
    urls = [host.url(f"{n}.jpg") for n in range(60)]
    built = through(batch, proxy, urls, imagesPerShard=2)
    for step in ("plan", "collect"):
        proxy.requests.clear()
        process = built.start(step)
        _until_requests(proxy, 5)
        proxy.fail(mode, seconds=1.5)
        ended = built.wait(process)
        assert ended.code == 0, ended.log
    assert len(built.report()) == len(urls)


#: Beginning, one part and the end of an upload in parts, as S3's requests name them.
UPLOAD_REQUESTS = ("?uploads", "partNumber=2", "?uploadId=")


@pytest.mark.parametrize("request_of_upload", UPLOAD_REQUESTS)
def test_reports_are_uploaded_although_a_connection_breaks_in_the_middle_of_an_answer(
    batch: Build, host: ImageHost, proxy: S3Proxy, request_of_upload: str
) -> None:
    """Reports of more than 8 MiB go up in parts; the store's client repeats no such request."""
    long = "x" * 1_000_000
    rows = [f"{n},Mug,{host.url(f'{n}.jpg')},{long}" for n in range(10)]
    table = "\n".join(["S. No.,Product Name,Input Image Urls,Description", *rows])
    built = batch(table, imagesPerShard=5)
    assert built.run("plan").code == 0
    built.settings |= proxy.env()
    proxy.cut(request_of_upload)
    ended = built.run("collect")
    assert ended.code == 0, ended.log
    assert proxy.cuts_to_come == []
    assert built.get(built.keys.report_csv).decode().count(long) == 10
    assert len(built.report()) == 10


@pytest.fixture
def large_file(tmp_path: Path) -> Path:
    path = tmp_path / "large"
    path.write_bytes(bytes(range(256)) * 4096 * 20)
    return path


@pytest.mark.parametrize("mode", FAULTS)
def test_files_and_streams_survive_an_outage_in_the_middle(
    proxy: S3Proxy, large_file: Path, mode: Mode
) -> None:
    env = proxy.env()
    storage = Storage.open(env["IMAGEBATCH_STORE"], env, patience=120)
    key = f"streams/{mode}"
    with ThreadPoolExecutor(1) as pool:
        put = pool.submit(storage.put_file, key, large_file)
        _until_requests(proxy, 2)
        proxy.fail(mode, seconds=1)
        put.result(120)
    time.sleep(1)
    proxy.heal()
    whole = large_file.read_bytes()
    with storage.reading(key) as stream:
        begin = stream.read(1 << 20)
        proxy.fail(mode, seconds=1)
        assert begin + stream.read() == whole


def test_upload_whose_end_the_store_no_longer_knows_is_begun_anew(
    proxy: S3Proxy, large_file: Path
) -> None:
    """As when it was complete already, and the answer was lost."""
    env = proxy.env()
    storage = Storage.open(env["IMAGEBATCH_STORE"], env, patience=60)
    proxy.poison("?uploadId=", 404)
    with ThreadPoolExecutor(1) as pool:
        put = pool.submit(storage.put_file, "streams/gone", large_file)
        # The first upload's beginning and end, and the second one's beginning.
        _until(lambda: put.done() or proxy.requests["pass", "POST"] == 3)
        proxy.cure()
        put.result(120)
    assert storage.get("streams/gone") == large_file.read_bytes()


def test_store_that_fails_for_longer_than_the_patience_is_told_as_such(
    proxy: S3Proxy, large_file: Path
) -> None:
    env = proxy.env()
    storage = Storage.open(env["IMAGEBATCH_STORE"], env, patience=1)
    storage.put("streams/short", b"x" * 1000)
    with storage.reading("streams/short") as stream:
        proxy.fail("refuse")
        with pytest.raises(StorageUnavailable):
            stream.read()
    with pytest.raises(StorageUnavailable):
        storage.put_file("streams/never", large_file)
    proxy.heal()
    assert not storage.exists("streams/never")


@pytest.mark.parametrize("status", [400, 403, 500])
def test_image_that_the_store_alone_does_not_take_fails_alone(
    batch: Build, host: ImageHost, proxy: S3Proxy, status: int
) -> None:
    urls = [host.add(f"{n}.jpg", jpeg(size=(150 + n, 100))) for n in range(4)]
    built = through(batch, proxy, urls)
    built.settings["IMAGEBATCH_STORAGE_PATIENCE_SECONDS"] = "2"
    proxy.poison("/images/1-2-", status)
    ended = built.run("plan")
    assert ended.code == 0, ended.log
    codes = [(line["status"], line["error_code"]) for line in built.report()]
    assert codes[1] == ("failed", "storage_failed")
    assert [status for status, _ in codes].count("succeeded") == 3
    failed = built.report()[1]
    assert (failed["retryable"], failed["http_status"], failed["attempts"]) == (True, 200, 1)
    assert not [key for key in built.list(built.keys.root) if "probe-" in key]


@pytest.mark.parametrize(
    ("status", "code"),
    [(507, None), (403, "QuotaExceeded"), (400, "XMinioAdminBucketQuotaExceeded")],
)
def test_bucket_without_space_for_images_is_waited_for_and_blames_no_image(
    batch: Build, host: ImageHost, proxy: S3Proxy, status: int, code: str | None
) -> None:
    """As one behaves that still takes the small objects."""
    urls = [host.add(f"{n}.jpg", jpeg(size=(150 + n, 100))) for n in range(4)]
    built = through(batch, proxy, urls)
    built.settings["IMAGEBATCH_STORAGE_PATIENCE_SECONDS"] = "2"
    proxy.poison("/images/1-2-", status, code)
    ended = built.run("plan")
    assert ended.code == 1, ended.log
    assert "no space is left for what is stored" in ended.log
    proxy.cure()
    assert built.run("plan").code == 0
    assert [line["status"] for line in built.report()] == ["succeeded"] * 4


def test_full_seaweedfs_takes_no_more_images_and_blames_none(tmp_path: Path) -> None:
    """It says no more than that it failed, and takes an object of no bytes."""
    with SeaweedFS(tmp_path / "full", volumes=1, volume_mb=1) as s3:
        storage = Storage.open("s3://images", s3.env(), patience=2)

        async def fill() -> None:
            for number in range(40):
                await storage.put_image(f"{number}.jpg", os.urandom(300_000), "probe")

        with pytest.raises(StorageUnavailable):
            asyncio.run(fill())
        storage.put("empty", b"")
        assert storage.get("empty") == b""


def test_store_that_is_away_for_longer_than_the_patience_blames_no_image(
    batch: Build, host: ImageHost, proxy: S3Proxy
) -> None:
    built = through(batch, proxy, slow_photos(host, 60, 0.1), imagesPerShard=50)
    built.settings["IMAGEBATCH_STORAGE_PATIENCE_SECONDS"] = "2"
    assert built.run("plan").code == 0
    process = built.start("compress", 0)
    built.wait_for_parts(1)
    proxy.fail("503")
    ended = built.wait(process)
    proxy.heal()
    assert ended.code == 1
    assert "the object store does not answer" in ended.log
    assert built.run("compress", 0).code == 0
    assert built.run("compress", 1).code == 0
    assert built.run("collect").code == 0
    assert {line["status"] for line in built.report()} == {"succeeded"}


def _until_requests(proxy: S3Proxy, count: int) -> None:
    _until(lambda: sum(proxy.requests.values()) >= count)


def _until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not happened() and time.monotonic() < end:
        time.sleep(0.005)
