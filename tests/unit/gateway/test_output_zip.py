"""All outputs as one archive."""

from __future__ import annotations

import io
import tempfile
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import obstore
import pytest
from obstore.store import MemoryStore

from imagebatch_core.keys import BatchKeys
from imagebatch_core.results import ErrorCode, ImageResult, ShardItem
from imagebatch_gateway.requests.zip_format import ZipStream
from unit.gateway.builders import UID, BatchBuilder, FakeBatches, succeeded
from unit.gateway.catalogues import KEYS, Catalogue

NOW = datetime(2026, 11, 28, 16, 30, 10, tzinfo=UTC)


def content(row: int, position: int) -> bytes:
    return f"image {row} {position}".encode() * row


def stored(row: int, position: int) -> ImageResult:
    if row == 3:
        item = ShardItem(row, position, "https://a.example/3.png")
        return ImageResult.failure(item, ErrorCode.TIMEOUT, "slow")
    extension = "webp" if row == 2 else "jpg"
    key = KEYS.image(row, position, "ab" * 32, extension)
    return replace(succeeded(row, position), output_key=key)


async def test_the_archive_has_every_output_named_by_its_row(
    http: httpx.AsyncClient, store: MemoryStore, batches: FakeBatches, batch: BatchBuilder
) -> None:
    Catalogue(store, [2, 1, 1, 9], outcome=stored).collected()
    places = [(1, 1), (1, 2), (2, 1), *((4, p) for p in range(1, 10))]
    for row, position in places:
        obstore.put(store, stored(row, position).output_key or "", content(row, position))
    batches.add(batch.completed(succeeded=12, failed=1).reported().build())
    answer = await http.get("/api/download/summer-2026?format=zip")

    assert answer.headers["content-type"] == "application/zip"
    assert 'filename="summer-2026.zip"' in answer.headers["content-disposition"]
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    assert {name: archive.read(name) for name in archive.namelist()} == {
        f"{r}-{p}.{'webp' if r == 2 else 'jpg'}": content(r, p) for r, p in places
    }


async def test_outputs_of_another_namespace_are_not_in_it(
    http: httpx.AsyncClient, store: MemoryStore, batches: FakeBatches, batch: BatchBuilder
) -> None:
    """Who holds the key pair of a namespace may write its reports, and the gateway reads more."""
    foreign = BatchKeys.of("press", UID, "").image(2, 1, "cd" * 32, "jpg")

    def forged(row: int, position: int) -> ImageResult:
        made = stored(row, position)
        return replace(made, output_key=foreign) if row == 2 else made

    Catalogue(store, [1, 1], outcome=forged).collected()
    obstore.put(store, stored(1, 1).output_key or "", content(1, 1))
    obstore.put(store, foreign, b"secret")
    batches.add(batch.completed(succeeded=2).reported().build())
    answer = await http.get("/api/download/summer-2026?format=zip")
    assert zipfile.ZipFile(io.BytesIO(answer.content)).namelist() == ["1-1.jpg"]


async def test_an_output_that_is_gone_is_told_or_breaks_the_stream_off(
    http: httpx.AsyncClient, store: MemoryStore, batches: FakeBatches, batch: BatchBuilder
) -> None:
    Catalogue(store, [1] * 2, outcome=stored).collected()
    batches.add(batch.completed(succeeded=2).reported().build())
    assert (await http.get("/api/download/summer-2026?format=zip")).status_code == 410

    Catalogue(store, [1, 1, 1, *[1] * 20], outcome=stored).collected()
    obstore.put(store, stored(1, 1).output_key or "", content(1, 1))
    broken = await http.get("/api/download/summer-2026?format=zip")
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(broken.content))


async def test_without_an_output_the_archive_is_empty(
    http: httpx.AsyncClient, store: MemoryStore, batches: FakeBatches, batch: BatchBuilder
) -> None:
    Catalogue(store, [0]).collected()
    batches.add(batch.completed(succeeded=0).reported().build())
    answer = await http.get("/api/download/summer-2026?format=zip")
    assert zipfile.ZipFile(io.BytesIO(answer.content)).namelist() == []


@pytest.mark.slow
def test_more_files_than_zip_counts_are_counted_by_zip64() -> None:
    sent = io.BytesIO()
    with tempfile.TemporaryFile() as directory:
        stream = ZipStream(directory, NOW)
        for number in range(70_000):
            sent.write(stream.add(f"{number}-1.jpg", b"x"))
        for piece in stream.end():
            sent.write(piece)
    archive = zipfile.ZipFile(sent)

    assert len(archive.namelist()) == 70_000
    assert archive.read("69999-1.jpg") == b"x"
    assert archive.getinfo("0-1.jpg").date_time == (2026, 11, 28, 16, 30, 10)


def test_files_beyond_4_gib_are_found_by_zip64(tmp_path: Path) -> None:
    hole = 0x1_0000_0000
    with tempfile.TemporaryFile() as directory, (tmp_path / "a.zip").open("w+b") as sent:
        stream = ZipStream(directory, NOW)
        sent.write(stream.add("1-1.jpg", b"one"))
        # As if files of 4 GiB had been sent here: a sparse file has room for them.
        stream._offset += hole
        sent.seek(hole, 1)
        sent.write(stream.add("2-1.jpg", b"two"))
        for piece in stream.end():
            sent.write(piece)
        archive = zipfile.ZipFile(sent)
        assert {name: archive.read(name) for name in archive.namelist()} == {
            "1-1.jpg": b"one",
            "2-1.jpg": b"two",
        }
