"""A prefix of the store is part of all keys, and a batch is read where its status says."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import obstore
import pytest
from obstore.store import MemoryStore

from imagebatch_core.keys import BatchKeys
from imagebatch_gateway.app import create_app
from imagebatch_gateway.settings import Settings
from unit.gateway.builders import NAMESPACE, UID, BatchBuilder, FakeBatches

NOW, BEFORE = BatchKeys.of(NAMESPACE, UID, "new/"), BatchKeys.of(NAMESPACE, UID, "old/")
IMAGE = ("ab" * 32, "jpg")
CSV = b"S. No.,Product Name,Input Image Urls\n1,Lamp,https://a.example/1.jpg\n"


@pytest.fixture
def settings() -> Settings:
    return Settings(namespace=NAMESPACE, store="s3://pictures/new")


@pytest.fixture
async def http(
    settings: Settings, store: MemoryStore, batches: FakeBatches
) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(settings, store, batches))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


def reported(batch: BatchBuilder, batches: FakeBatches, storage: str | None) -> None:
    made = batch.completed(succeeded=1).reported().build()
    status = made.status.model_copy(update={"storage": storage})
    batches.add(made.model_copy(update={"status": status}))


@pytest.mark.parametrize("storage", [BEFORE.root, f"old/{NAMESPACE}/uid-before-the-restore/", None])
async def test_a_report_is_read_where_the_status_says(
    http: httpx.AsyncClient,
    store: MemoryStore,
    batches: FakeBatches,
    batch: BatchBuilder,
    storage: str | None,
) -> None:
    reported(batch, batches, storage)
    keys = BatchKeys(storage) if storage else NOW
    obstore.put(store, keys.report_csv, b"the report")
    obstore.put(store, keys.report_jsonl, b'{"status":"succeeded","output_url":"u"}\n')

    assert (await http.get("/api/download/summer-2026")).content == b"the report"
    assert (await http.get("/api/status/summer-2026")).json()["outputImageUrls"] == ["u"]


async def test_a_place_of_another_namespace_is_not_read(
    http: httpx.AsyncClient, store: MemoryStore, batches: FakeBatches, batch: BatchBuilder
) -> None:
    theirs = BatchKeys.of("studio", UID)
    obstore.put(store, theirs.report_csv, b"secret")
    reported(batch, batches, theirs.root)

    assert (await http.get("/api/download/summer-2026")).status_code == 410


@pytest.mark.parametrize(
    ("address", "stored"),
    [
        (NOW.image(1, 1, *IMAGE), NOW),
        (BEFORE.image(1, 1, *IMAGE), BEFORE),
        (BatchKeys.of(NAMESPACE, UID).image(1, 1, *IMAGE), NOW),
    ],
    ids=["now", "after the prefix changed", "as earlier releases wrote it"],
)
async def test_an_output_is_served_by_its_key_in_the_bucket(
    http: httpx.AsyncClient, store: MemoryStore, address: str, stored: BatchKeys
) -> None:
    obstore.put(store, stored.image(1, 1, *IMAGE), b"an image")

    assert (await http.get(f"/files/{address}")).content == b"an image"


async def test_an_upload_lies_below_the_prefix_and_the_batch_names_it_without(
    http: httpx.AsyncClient, store: MemoryStore, batches: FakeBatches
) -> None:
    answer = await http.post("/api/upload", files={"file": ("p.csv", CSV, "text/csv")})
    source = (await batches.get(answer.json()["requestId"])).spec.source.s3
    assert source is not None
    assert source.key.startswith(f"{NAMESPACE}/uploads/")
    assert bytes(obstore.get(store, f"new/{source.key}").bytes()) == CSV
