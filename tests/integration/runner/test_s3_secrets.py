"""What an S3 endpoint that a source bucket brings along gets to see: nothing of our own store."""

from __future__ import annotations

import json
from typing import Any

import pytest

from imagebatch_runner.fetch.credentials import Credentials
from imagebatch_runner.fetch.fetcher import Fetcher
from imagebatch_runner.fetch.s3_images import S3Images
from imagebatch_runner.fetch.s3_sources import S3Sources
from imagebatch_runner.fetch.s3_urls import S3AllowList
from imagebatch_runner.fetch.web import open_session
from imagebatch_runner.settings import Settings
from support.imagehost import ImageHost
from support.pictures import jpeg

DATA = jpeg(size=(60, 40))
OURS = {
    "AWS_ACCESS_KEY_ID": "OUR-KEY",
    "AWS_SECRET_ACCESS_KEY": "OUR-SECRET",
    "AWS_SESSION_TOKEN": "OUR-TOKEN",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    "AWS_REGION": "eu-ours-1",
    "AWS_SKIP_SIGNATURE": "true",
}
THEIRS = {"accessKeyId": "THEIR-KEY", "secretAccessKey": "THEIR-SECRET"}


@pytest.fixture(autouse=True)
def _our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """obstore reads the process's own variables, not only those that it is given."""
    for name, value in OURS.items():
        monkeypatch.setenv(name, value)


async def seen(host: ImageHost, entry: dict[str, Any]) -> str:
    """All that the endpoint saw of the request for an object of a bucket with this entry."""
    host.add_everywhere(DATA)
    endpoint = {"endpoint": f"http://127.0.0.1:{host.port}", "region": "theirs", **entry}
    credentials = Credentials.parse(json.dumps({"s3://catalogue": endpoint}))
    settings = Settings(fetch_allow="127.0.0.1")
    sources = S3Sources("shop", S3AllowList.parse("catalogue"), credentials, OURS)
    async with (
        open_session(settings, credentials) as session,
        S3Images(sources, settings) as s3,
        Fetcher(session, settings, 0, s3=s3).fetched("s3://catalogue/a.jpg") as fetched,
    ):
        assert fetched.content.whole() == DATA
    return json.dumps([host.targets, host.headers])


@pytest.mark.parametrize("entry", [THEIRS, {"anonymous": True}], ids=["keys", "anonymous"])
async def test_a_foreign_endpoint_gets_neither_key_nor_token_of_our_store(
    host: ImageHost, entry: dict[str, Any]
) -> None:
    told = await seen(host, entry)
    assert "OUR-" not in told
    assert "ours" not in told
    assert "Security-Token" not in told
    assert ("THEIR-KEY" in told) is ("accessKeyId" in entry)
    assert "THEIR-SECRET" not in told


async def test_a_foreign_endpoint_gets_the_token_of_its_own_entry(host: ImageHost) -> None:
    told = await seen(host, {**THEIRS, "sessionToken": "THEIR-TOKEN"})
    assert "X-Amz-Security-Token=THEIR-TOKEN" in told
    assert "OUR-" not in told
