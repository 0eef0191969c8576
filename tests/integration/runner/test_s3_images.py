"""Images that lie in a real S3: read within the allow-list, limits and codes as for any host."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import obstore
import pytest

from imagebatch_core.job import ExitCode
from imagebatch_core.results import ErrorCode
from imagebatch_runner.failures import ImageFailed
from imagebatch_runner.fetch.attempt import Fetched
from imagebatch_runner.fetch.credentials import Credentials
from imagebatch_runner.fetch.fetcher import Fetcher
from imagebatch_runner.fetch.s3_images import S3Images
from imagebatch_runner.fetch.s3_sources import S3Sources
from imagebatch_runner.fetch.s3_urls import S3AllowList
from imagebatch_runner.fetch.validators import Validators
from imagebatch_runner.fetch.web import open_session
from imagebatch_runner.settings import Settings
from support.imagehost import ImageHost
from support.pictures import jpeg
from support.runnerbatch import RunnerBatch, products
from support.seaweedfs import (
    BUCKET,
    OPEN_BUCKET,
    PARTNER_BUCKET,
    PARTNER_KEY,
    PARTNER_SECRET,
    SeaweedFS,
)

DATA = jpeg(size=(120, 80))
PARTNER = {"accessKeyId": PARTNER_KEY, "secretAccessKey": PARTNER_SECRET}


@asynccontextmanager
async def fetching(
    env: dict[str, str], allow: str, entries: dict[str, Any] | None = None, **settings: Any
) -> AsyncIterator[Fetcher]:
    """A fetcher of namespace ``shop`` that sleeps not between attempts."""

    async def no_sleep(_seconds: float) -> None:
        return

    made = Settings(**settings)
    credentials = Credentials.parse(json.dumps(entries or {}))
    sources = S3Sources("shop", S3AllowList.parse(allow), credentials, env)
    async with open_session(made, credentials) as session, S3Images(sources, made) as s3:
        yield Fetcher(session, made, 2, s3=s3, sleep=no_sleep)


async def fetch(
    env: dict[str, str], url: str, allow: str = "catalogue", known: Validators | None = None,
    entries: dict[str, Any] | None = None, **settings: Any,
) -> Fetched | ImageFailed:  # fmt: skip
    async with fetching(env, allow, entries, **settings) as fetcher:
        try:
            async with fetcher.fetched(url, known) as fetched:
                return fetched
        except ImageFailed as failure:
            return failure


@pytest.fixture(scope="module")
def env(s3: SeaweedFS) -> dict[str, str]:
    """The runner's own variables; the bucket ``catalogue`` holds images of two tenants."""
    store = s3.make_bucket("catalogue")
    for key in ("a.jpg", "shop/a.jpg", "press/a.jpg", "shop/odd ,%?#+~&='ü.jpg"):
        obstore.put(store, key, DATA)
    return s3.env()


async def test_object_is_read_with_the_keys_of_the_store(env: dict[str, str]) -> None:
    fetched = await fetch(env, "s3://catalogue/a.jpg")
    assert isinstance(fetched, Fetched)
    assert (fetched.content.whole(), fetched.http_status, fetched.attempts) == (DATA, 200, 1)


async def test_any_key_can_be_written(env: dict[str, str]) -> None:
    fetched = await fetch(env, "s3://catalogue/shop/odd %2C%25%3F%23+~&='ü.jpg")
    assert isinstance(fetched, Fetched)
    assert fetched.content.whole() == DATA


@pytest.mark.parametrize(
    ("allow", "url"),
    [
        ("", "s3://catalogue/a.jpg"),
        ("catalogue/{namespace}", "s3://catalogue/press/a.jpg"),
        ("catalogue/{namespace}", "s3://catalogue/a.jpg"),
        ("catalogue", "s3://images/a.jpg"),
    ],
)
async def test_outside_of_the_list_nothing_is_asked(
    env: dict[str, str], allow: str, url: str
) -> None:
    with ImageHost() as host:
        asked = env | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{host.port}"}
        failure = await fetch(asked, url, allow)
        assert not host.requests
    assert isinstance(failure, ImageFailed)
    assert (failure.code, failure.attempts) == (ErrorCode.ADDRESS_REFUSED, 1)
    assert "IMAGEBATCH_FETCH_S3_ALLOW" in failure.message


@pytest.mark.parametrize(
    "url", ["s3://catalogue/", "s3://catalogue/x/../a.jpg", "s3://catalogue/a.jpg?versionId=1"]
)
async def test_odd_spellings_are_invalid_urls(env: dict[str, str], url: str) -> None:
    failure = await fetch(env, url)
    assert isinstance(failure, ImageFailed)
    assert (failure.code, failure.attempts) == (ErrorCode.INVALID_URL, 1)


async def test_what_is_not_there_is_404_and_not_tried_again(env: dict[str, str]) -> None:
    for url, allow in (("s3://catalogue/no.jpg", "catalogue"), ("s3://no-bucket/a", "no-bucket")):
        failure = await fetch(env, url, allow)
        assert isinstance(failure, ImageFailed)
        assert (failure.code, failure.http_status) == (ErrorCode.HTTP_STATUS, 404)
        assert failure.attempts == 1


async def test_refused_keys_are_403_and_not_told(env: dict[str, str]) -> None:
    failure = await fetch(env | {"AWS_SECRET_ACCESS_KEY": "wr0ng"}, "s3://catalogue/a.jpg")
    assert isinstance(failure, ImageFailed)
    assert (failure.code, failure.http_status) == (ErrorCode.HTTP_STATUS, 403)
    assert failure.attempts == 1
    assert failure.message == "403 Forbidden"


async def test_bytes_are_bounded(env: dict[str, str]) -> None:
    failure = await fetch(env, "s3://catalogue/a.jpg", fetch_max_bytes=len(DATA) - 1)
    assert isinstance(failure, ImageFailed)
    assert failure.code is ErrorCode.TOO_MANY_BYTES


async def test_unchanged_object_is_not_read_again(env: dict[str, str]) -> None:
    first = await fetch(env, "s3://catalogue/a.jpg")
    assert isinstance(first, Fetched)
    assert first.validators.etag
    assert first.validators.final_url_sha256 is None
    again = await fetch(env, "s3://catalogue/a.jpg", known=first.validators)
    assert isinstance(again, Fetched)
    assert again.not_modified


async def test_store_that_fails_is_asked_again_and_never_followed_elsewhere() -> None:
    with ImageHost() as host:
        env = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{host.port}",
            "AWS_ACCESS_KEY_ID": "id",
            "AWS_SECRET_ACCESS_KEY": "secret",
        }
        host.failing_first("catalogue/a.jpg", DATA, times=2)
        fetched = await fetch(env, "s3://catalogue/a.jpg")
        assert isinstance(fetched, Fetched)
        assert fetched.attempts == 3
        host.slow("catalogue/b.jpg", DATA, 30)
        slow = await fetch(env, "s3://catalogue/b.jpg", fetch_read_seconds=0.2)
        assert isinstance(slow, ImageFailed)
        assert (slow.code, slow.attempts) == (ErrorCode.TIMEOUT, 3)
        host.redirect("catalogue/c.jpg", host.add("elsewhere.jpg", DATA))
        moved = await fetch(env, "s3://catalogue/c.jpg")
        assert isinstance(moved, ImageFailed)
        assert (moved.code, moved.http_status) == (ErrorCode.HTTP_STATUS, 302)
        assert "another region" in moved.message
        assert not host.requests["/elsewhere.jpg"]


async def test_bucket_has_keys_of_its_own(s3: SeaweedFS, env: dict[str, str]) -> None:
    obstore.put(s3.make_bucket(PARTNER_BUCKET), "a.jpg", DATA)
    url, allow = f"s3://{PARTNER_BUCKET}/a.jpg", f"{PARTNER_BUCKET},catalogue"
    other = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}  # where the runner's own store is not
    endpoint = {"endpoint": s3.endpoint, **PARTNER}
    fetched = await fetch(
        other, url, allow, entries={f"s3://{PARTNER_BUCKET}": endpoint}, fetch_allow="127.0.0.1"
    )
    assert isinstance(fetched, Fetched)
    refused = await fetch(env, "s3://catalogue/a.jpg", allow, entries={"s3://catalogue": PARTNER})
    assert isinstance(refused, ImageFailed)
    assert refused.http_status == 403


async def test_endpoint_of_a_bucket_is_guarded_as_any_host_and_gets_no_keys_of_ours(
    env: dict[str, str],
) -> None:
    with ImageHost() as host:
        endpoint = f"http://127.0.0.1:{host.port}"
        for entry in ({"endpoint": endpoint, **PARTNER}, {"endpoint": endpoint, "anonymous": True}):
            failure = await fetch(env, "s3://catalogue/a.jpg", entries={"s3://catalogue": entry})
            assert isinstance(failure, ImageFailed)
            assert failure.code is ErrorCode.ADDRESS_REFUSED
        assert not host.requests


async def test_open_bucket_needs_no_keys(s3: SeaweedFS) -> None:
    obstore.put(s3.make_bucket(OPEN_BUCKET), "shop/a b.jpg", DATA)
    env = {"AWS_ENDPOINT_URL": s3.endpoint}
    fetched = await fetch(
        env,
        f"s3://{OPEN_BUCKET}/shop/a b.jpg",
        OPEN_BUCKET,
        entries={f"s3://{OPEN_BUCKET}": {"anonymous": True}},
    )
    assert isinstance(fetched, Fetched)
    assert fetched.content.whole() == DATA


def test_batch_reads_its_own_prefix_and_nobody_elses(
    env: dict[str, str], batch: Callable[..., RunnerBatch]
) -> None:
    made = batch(products(["s3://catalogue/shop/a.jpg", "s3://catalogue/press/a.jpg"]))
    made.settings["IMAGEBATCH_FETCH_S3_ALLOW"] = "catalogue/{namespace}/"
    ended = made.run("plan")
    assert ended.code == 0, ended
    own, other = made.report()
    assert (own["status"], own["input_url"]) == ("succeeded", "s3://catalogue/shop/a.jpg")
    assert other["error_code"] == "address_refused"
    assert "X-Amz" not in ended.log + json.dumps(made.report())


def test_a_list_that_names_the_bucket_of_the_release_stops_the_batch_and_says_so(
    batch: Callable[..., RunnerBatch],
) -> None:
    made = batch(products(["s3://catalogue/shop/a.jpg"]))
    made.settings["IMAGEBATCH_FETCH_S3_ALLOW"] = f"catalogue, {BUCKET}/shop"
    ended = made.run("plan")
    assert ended.code == ExitCode.CONFIGURATION_REFUSED
    assert f"'{BUCKET}/shop' names the bucket of the release itself" in (ended.message.error or "")


def test_files_of_the_pod_are_no_images(
    batch: Callable[..., RunnerBatch], env: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "a.jpg").write_bytes(DATA)
    urls = [f"file://{tmp_path}/a.jpg", str(tmp_path / "a.jpg"), "a.jpg"]
    made = batch(products([*urls, "s3://catalogue/a.jpg"]))
    made.settings["IMAGEBATCH_FETCH_S3_ALLOW"] = "catalogue"
    assert made.run("plan").code == 0
    assert [line["error_code"] for line in made.report()] == ["invalid_url"] * 3 + [None]
