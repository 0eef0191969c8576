"""What the gateway answers while the store, or its own disk, is of no use."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from obstore.store import MemoryStore

from imagebatch_core.store import open_store
from imagebatch_gateway.app import create_app
from imagebatch_gateway.settings import Settings
from unit.gateway.builders import CSV, BatchBuilder, FakeBatches, uploads_in

#: Nothing listens on the discard port.
AWAY = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_ACCESS_KEY_ID": "a",
    "AWS_SECRET_ACCESS_KEY": "b",
}


@pytest.fixture
async def storeless(settings: Settings, batches: FakeBatches) -> AsyncIterator[httpx.AsyncClient]:
    store = open_store("s3://bucket", AWAY, retry_timeout=timedelta(0))
    app = create_app(settings, store, batches)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield client


async def test_status_of_a_running_request_is_what_the_resource_knows_with_a_note(
    storeless: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.running(done=4, total=9).build())
    answer = await storeless.get("/api/status/summer-2026")

    assert answer.status_code == 200
    body = answer.json()
    assert (body["status"], body["images"]["done"], body["images"]["total"]) == (
        "processing",
        4,
        9,
    )
    assert "object store does not answer" in body["note"]


async def test_status_of_an_ended_request_leads_to_its_urls_for_later(
    storeless: httpx.AsyncClient,
    http: httpx.AsyncClient,
    batches: FakeBatches,
    batch: BatchBuilder,
) -> None:
    batches.add(batch.completed(succeeded=4).reported().build())
    body = (await storeless.get("/api/status/summer-2026")).json()

    assert (body["status"], body["outputImageUrls"]) == ("completed", [])
    assert body["outputImageUrlsTruncated"] is True
    assert "object store does not answer" in body["note"]
    link = body["next"].removeprefix("http://gateway.example")
    later = await storeless.get(link)
    assert (later.status_code, later.headers["retry-after"]) == (503, "5")
    # The store is back, and the link leads to the first page.
    assert (await http.get(link)).status_code == 410


async def test_everything_else_is_503_with_retry_after_and_the_gateway_stays_ready(
    storeless: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.completed(succeeded=4).reported().build())
    upload = await storeless.post("/api/upload", files={"file": ("p.csv", CSV)})
    download = await storeless.get("/api/download/summer-2026")
    ready = await storeless.get("/readyz")

    assert (upload.status_code, upload.headers["retry-after"]) == (503, "5")
    assert (download.status_code, download.headers["retry-after"]) == (503, "5")
    assert (ready.status_code, list(ready.json()["problems"])) == (200, ["store"])


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
async def test_an_upload_that_finds_no_room_on_the_disk_is_503_and_makes_nothing(
    http: httpx.AsyncClient,
    store: MemoryStore,
    batches: FakeBatches,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
) -> None:
    def full(self: Any, *_: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", full)
    body = CSV + b"4,Big,https://a.example/5.png\n" * 60_000
    answer = await http.post("/api/upload", files={"file": ("p.csv", body[: 1050 * 1024])})

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert answer.json()["type"].endswith("scratch-full")
    assert not batches.stored
    assert not uploads_in(store)
