"""Previews: kept sources and outputs in pairs, and the sources as files of the request alone."""

from __future__ import annotations

import hashlib

import httpx
import obstore
import pytest
from obstore.store import MemoryStore

from imagebatch_core.keys import BatchKeys
from imagebatch_core.previews import KeptByPod, KeptSource
from imagebatch_runner.store.documents import to_json
from unit.gateway.builders import BatchBuilder, FakeBatches, image_url
from unit.gateway.catalogues import KEYS

SOURCE = b"\xff\xd8\xff source"
SHA = hashlib.sha256(SOURCE).hexdigest()


def keep(store: MemoryStore, row: int, position: int = 1, source_key: str | None = None) -> None:
    key = KEYS.source(row, position, SHA, "jpg")
    obstore.put(store, key, SOURCE)
    kept = KeptSource(
        row=row,
        position=position,
        source_key=source_key or key,
        output_url=image_url(row, position),
        width=800,
        height=600,
        bytes_in=1000,
        bytes_out=400,
    )
    document = KeptByPod(kept=(kept,))
    obstore.put(store, KEYS.kept_by_pod(row, f"pod-{position}"), to_json(document))


async def test_previews_are_pairs_in_input_order_whose_sources_the_gateway_serves(
    http: httpx.AsyncClient, store: MemoryStore, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.running(done=0, total=30).build())
    for row, position in ((10, 1), (2, 2), (2, 1)):
        keep(store, row, position)
    body = (await http.get("/api/requests/summer-2026/previews")).json()

    assert [(one["row"], one["position"]) for one in body["items"]] == [(2, 1), (2, 2), (10, 1)]
    assert body["next"] is None
    first = body["items"][0]
    assert first["after"] == image_url(2)
    assert (first["width"], first["height"]) == (800, 600)
    assert (first["bytesIn"], first["bytesOut"]) == (1000, 400)
    path = first["before"].removeprefix("http://gateway.example")
    assert path == f"/api/requests/summer-2026/sources/2-1-{SHA}.jpg"
    image = await http.get(path)
    assert (image.content, image.headers["content-type"]) == (SOURCE, "image/jpeg")
    assert image.headers["cache-control"].startswith("private")
    assert "sandbox" in image.headers["content-security-policy"]
    again = await http.get(path, headers={"If-None-Match": image.headers["etag"]})
    assert again.status_code == 304


async def test_a_request_without_kept_sources_has_no_previews(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.build())
    answer = await http.get("/api/requests/summer-2026/previews")
    assert (answer.status_code, answer.json()) == (200, {"items": [], "next": None})
    assert (await http.get("/api/requests/unknown/previews")).status_code == 404


@pytest.mark.parametrize(
    "name",
    [
        "report.csv",
        f"2-1-{SHA}.json",
        f"2-1-{SHA}.tif",
        f"2-1-{'0' * 64}.jpg",
        f"..%2Fimages%2F2-1-{SHA}.jpg",
        f"..%2f..%2fu2%2fsources%2f2-1-{SHA}.jpg",
    ],
)
async def test_only_kept_sources_of_the_request_are_served(
    http: httpx.AsyncClient,
    store: MemoryStore,
    batches: FakeBatches,
    batch: BatchBuilder,
    name: str,
) -> None:
    batches.add(batch.build())
    keep(store, 2)
    answer = await http.get(f"/api/requests/summer-2026/sources/{name}")
    assert answer.status_code == 404


async def test_a_document_that_names_another_object_is_left_out(
    http: httpx.AsyncClient, store: MemoryStore, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.build())
    keep(store, 2, source_key=BatchKeys.of("studio", "u").source(2, 1, SHA, "jpg"))
    keep(store, 3, source_key=KEYS.report_csv)
    keep(store, 5, source_key=KEYS.source(9, 1, SHA, "jpg"))  # which is gone
    obstore.put(store, KEYS.kept_by_pod(4, "pod"), b"{}")
    assert (await http.get("/api/requests/summer-2026/previews")).json()["items"] == []


async def test_the_source_of_an_unknown_request_is_not_found(
    http: httpx.AsyncClient, store: MemoryStore
) -> None:
    keep(store, 2)
    answer = await http.get(f"/api/requests/unknown/sources/2-1-{SHA}.jpg")
    assert answer.status_code == 404
