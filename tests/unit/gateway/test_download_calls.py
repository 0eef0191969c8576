from __future__ import annotations

import httpx
import obstore
import pytest
from obstore.store import MemoryStore

from imagebatch_core.condition import ConditionStatus
from imagebatch_core.keys import BatchKeys
from imagebatch_core.reasons import ConditionType, Phase, Reason
from unit.gateway.builders import NAMESPACE, UID, BatchBuilder, FakeBatches

KEYS = BatchKeys.of(NAMESPACE, UID)
SHA = "ab" * 32
IMAGE_KEY = KEYS.image(1, 1, SHA, "jpg")


@pytest.mark.parametrize("path", ["/api/download", "/download"])
async def test_the_output_csv_is_downloaded_under_both_names(
    http: httpx.AsyncClient,
    store: MemoryStore,
    batches: FakeBatches,
    batch: BatchBuilder,
    path: str,
) -> None:
    batches.add(batch.completed(succeeded=1).reported().build())
    obstore.put(store, KEYS.report_csv, "S. No.,é\r\n".encode())
    answer = await http.get(f"{path}/summer-2026")

    assert answer.content == "S. No.,é\r\n".encode()
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="summer-2026.csv"'
    assert answer.headers["content-length"] == str(len(answer.content))


async def test_a_report_of_many_pieces_arrives_whole(
    http: httpx.AsyncClient, store: MemoryStore, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.completed(succeeded=1).reported().build())
    content = bytes(range(256)) * 40_000
    obstore.put(store, KEYS.report_csv, content)

    assert (await http.get("/download/summer-2026")).content == content


async def test_the_raw_results_are_downloaded_as_json_lines(
    http: httpx.AsyncClient, store: MemoryStore, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.completed(succeeded=1).reported().build())
    obstore.put(store, KEYS.report_jsonl, b'{"row":1}\n')
    answer = await http.get("/download/summer-2026?format=jsonl")

    assert answer.content == b'{"row":1}\n'
    assert 'filename="summer-2026.jsonl"' in answer.headers["content-disposition"]


@pytest.mark.parametrize(
    ("query", "told"),
    [("", b"safe"), ("?raw=1", b"raw"), ("?raw=0", b"safe"), ("?raw=1&format=jsonl", b"lines")],
)
async def test_cells_come_raw_to_who_asks_for_them(
    http: httpx.AsyncClient,
    store: MemoryStore,
    batches: FakeBatches,
    batch: BatchBuilder,
    *,
    query: str,
    told: bytes,
) -> None:
    batches.add(batch.completed(succeeded=1).reported().build())
    obstore.put(store, KEYS.report_csv, b"safe")
    obstore.put(store, KEYS.report_raw_csv, b"raw")
    obstore.put(store, KEYS.report_jsonl, b"lines")

    assert (await http.get(f"/api/download/summer-2026{query}")).content == told


async def test_report_in_which_no_cell_differs_is_the_raw_one_too(
    http: httpx.AsyncClient, store: MemoryStore, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.completed(succeeded=1).reported().build())
    obstore.put(store, KEYS.report_csv, b"safe")

    assert (await http.get("/api/download/summer-2026?raw=1")).content == b"safe"


async def test_before_completion_the_caller_is_told_to_come_back(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.running(done=3, total=9).build())
    answer = await http.get("/download/summer-2026")

    assert answer.status_code == 409
    assert int(answer.headers["retry-after"]) > 0
    assert "3 of 9 images are done" in answer.json()["message"]


async def test_a_failed_request_without_report_says_why_and_not_to_come_back(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder
) -> None:
    built = batch.with_status(phase=Phase.FAILED).because(
        ConditionType.SUCCEEDED, ConditionStatus.FALSE, Reason.INPUT_REFUSED, "no such column"
    )
    batches.add(built.build())
    answer = await http.get("/download/summer-2026")

    assert answer.status_code == 409
    assert "retry-after" not in answer.headers
    told = answer.json()
    assert told["title"] == "There will be no output"
    assert "InputRefused: no such column" in told["message"]


async def test_a_failed_request_with_a_report_is_downloaded(
    http: httpx.AsyncClient, store: MemoryStore, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.with_status(phase=Phase.FAILED).reported().build())
    obstore.put(store, KEYS.report_csv, b"x")

    assert (await http.get("/download/summer-2026")).status_code == 200


async def test_a_dry_run_has_nothing_to_download(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.asking(dry_run=True).with_status(phase=Phase.COMPLETED).build())
    answer = await http.get("/download/summer-2026")

    assert answer.status_code == 409
    assert "dry run" in answer.json()["message"]


async def test_an_image_is_served_as_what_it_is_and_for_ever(
    http: httpx.AsyncClient, store: MemoryStore
) -> None:
    obstore.put(store, IMAGE_KEY, b"\xff\xd8\xffjpeg")
    answer = await http.get(f"/files/{IMAGE_KEY}")

    assert answer.content == b"\xff\xd8\xffjpeg"
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["etag"] == f'"{SHA}"'
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("sandbox")


async def test_the_head_of_an_image_has_its_length_and_no_body(
    http: httpx.AsyncClient, store: MemoryStore
) -> None:
    obstore.put(store, IMAGE_KEY, b"12345")
    answer = await http.head(f"/files/{IMAGE_KEY}")

    assert (answer.status_code, answer.headers["content-length"]) == (200, "5")


async def test_an_image_that_the_caller_has_is_not_sent_again(
    http: httpx.AsyncClient, store: MemoryStore
) -> None:
    obstore.put(store, IMAGE_KEY, b"12345")
    answer = await http.get(f"/files/{IMAGE_KEY}", headers={"If-None-Match": f'"{SHA}"'})

    assert (answer.status_code, answer.content) == (304, b"")


@pytest.mark.parametrize(
    "key",
    [
        KEYS.report_csv,
        KEYS.input,
        KEYS.owner,
        f"{NAMESPACE}/uploads/x/y.csv",
        f"{KEYS.images}../report.csv",
        f"{KEYS.images}%2e%2e/report.csv",
        f"{KEYS.images}..%2freport.csv",
        f"{KEYS.images}1-1-{SHA}.jpg/../../report.csv",
        f"/{IMAGE_KEY}",
        f"{IMAGE_KEY}%00",
        f"x/{IMAGE_KEY}",
        IMAGE_KEY.upper(),
        "../../etc/passwd",
        "",
    ],
)
async def test_nothing_but_images_can_be_read_through_files(
    http: httpx.AsyncClient, store: MemoryStore, key: str
) -> None:
    for present in (KEYS.report_csv, KEYS.input, KEYS.owner, IMAGE_KEY):
        obstore.put(store, present, b"content")
    answer = await http.get(f"http://testserver/files/{key}")

    assert answer.status_code == 404
    assert answer.content != b"content"


async def test_an_image_that_is_not_there_is_not_found(http: httpx.AsyncClient) -> None:
    answer = await http.get(f"/files/{IMAGE_KEY}")

    assert answer.status_code == 404
    assert answer.json()["message"] == "File not found"
