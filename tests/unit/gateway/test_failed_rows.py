"""The rows that have a failed image, as a CSV to upload again."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import httpx
import obstore
import pytest
from obstore.store import MemoryStore

from imagebatch_core.catalogue.rows import Row
from imagebatch_core.results import ErrorCode, ImageResult, ShardItem
from imagebatch_gateway.backends import objects
from imagebatch_runner.steps.report import ReportWriter, Sink
from imagebatch_runner.store.documents import to_json
from unit.gateway.builders import BatchBuilder, FakeBatches, succeeded
from unit.gateway.catalogues import KEYS, Kept

HEADER = ["S. No.", "Product Name", "Input Image Urls", "Shelf"]


def result(row: int, position: int) -> ImageResult:
    if row % 3 or position != 2:
        return succeeded(row, position)
    item = ShardItem(row, position, f"https://a.example/{row}-{position}.png")
    return ImageResult.failure(item, ErrorCode.TIMEOUT, "slow")


@pytest.fixture
def rows(store: MemoryStore) -> list[Row]:
    """Of every third row the second image fails; texts hold what CSV must quote."""
    made = [
        Row(
            number=number,
            line=number + 1,
            serial=f"={number}",
            product=f'Mug "{number}",\r\nlarge é',
            listed=f"https://a.example/{number}-1.png,https://a.example/{number}-2.png",
            urls=(f"https://a.example/{number}-1.png", f"https://a.example/{number}-2.png"),
            extra=(f"A{number}",),
        )
        for number in range(1, 31)
    ]
    table, lines, raw = Kept(), Kept(), Kept()

    def fork() -> Sink:
        raw.write(table.getvalue())
        return raw

    report = ReportWriter(table, lines, ("Shelf",), fork)
    for row in made:
        report.row(row, [replace(result(row.number, p)) for p in (1, 2)])
    report.close()
    obstore.put(store, KEYS.report_csv, table.getvalue())
    obstore.put(store, KEYS.report_raw_csv, raw.getvalue())
    obstore.put(store, KEYS.report_jsonl, lines.getvalue())
    obstore.put(store, KEYS.report_index, to_json(report.index()))
    return made


@pytest.mark.parametrize("piece", [7, 100, 4 * 1024 * 1024])
@pytest.mark.parametrize("raw", [True, False])
async def test_rows_with_a_failed_image_come_back_as_they_were(
    http: httpx.AsyncClient,
    batches: FakeBatches,
    batch: BatchBuilder,
    rows: list[Row],
    monkeypatch: pytest.MonkeyPatch,
    *,
    piece: int,
    raw: bool,
) -> None:
    monkeypatch.setattr(objects, "PIECE", piece)
    batches.add(batch.completed(succeeded=50, failed=10).reported().build())
    answer = await http.get(f"/api/download/summer-2026?format=failed&raw={int(raw)}")

    assert answer.status_code == 200
    assert 'filename="summer-2026.failed.csv"' in answer.headers["content-disposition"]
    header, *found = csv.reader(io.StringIO(answer.text, newline=""))
    mark = "" if raw else "'"
    assert header == HEADER
    assert found == [
        [mark + row.serial, row.product, row.listed, *row.extra]
        for row in rows
        if row.number % 3 == 0
    ]


async def test_without_a_failed_image_there_is_a_header_and_no_row(
    http: httpx.AsyncClient, store: MemoryStore, batches: FakeBatches, batch: BatchBuilder
) -> None:
    from unit.gateway.catalogues import Catalogue

    Catalogue(store, [1] * 5).collected()
    batches.add(batch.completed(succeeded=5).reported().build())
    answer = await http.get("/api/download/summer-2026?format=failed")
    assert answer.content == b"S. No.,Product Name,Input Image Urls\r\n"


async def test_what_is_gone_is_told_before_the_answer_begins(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.completed(succeeded=5).reported().build())
    assert (await http.get("/api/download/summer-2026?format=failed")).status_code == 410


async def test_what_comes_back_is_taken_as_an_upload(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder, rows: list[Row]
) -> None:
    batches.add(batch.completed(succeeded=50, failed=10).reported().build())
    content = (await http.get("/api/download/summer-2026?format=failed")).content
    again = await http.post("/api/upload", files={"file": ("p.csv", content)})
    assert (again.json()["products"], again.json()["images"]) == (10, 20)
