"""What becomes of the rows of an input: the images of the shards, problems, notices, the report."""

from __future__ import annotations

import csv
import io
import logging
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from imagebatch_core.ceilings import Ceilings
from imagebatch_core.errors import InputRefused, LimitExceeded
from imagebatch_core.job import JobSource, RunnerJob
from imagebatch_core.keys import BatchKeys
from imagebatch_core.results import ErrorCode, ImageResult, ImageStatus, ShardItem
from imagebatch_runner.fetch.local_files import LocalFiles, to_url
from imagebatch_runner.settings import Settings
from imagebatch_runner.steps.batch import Batch
from imagebatch_runner.steps.collect import collect
from imagebatch_runner.steps.plan import plan
from imagebatch_runner.steps.sharding import from_lines
from imagebatch_runner.store.storage import Storage

HEADER = "S. No.,Product Name,Input Image Urls"


def batch_of(
    folder: Path,
    content: bytes | str,
    *,
    files: bool = False,
    ceilings: Ceilings | None = None,
) -> Batch:
    source = folder / "in.csv"
    source.write_bytes(content.encode() if isinstance(content, str) else content)
    job = RunnerJob(
        namespace="shop",
        name="spring",
        uid="u",
        source=JobSource(path=str(source)),
        ceilings=ceilings,
    )
    return Batch(
        job,
        BatchKeys.of("shop", "u"),
        Storage(MemoryStore(), patience=0),
        Settings(),
        files=LocalFiles(folder) if files else None,
    )


def planned_items(batch: Batch) -> list[ShardItem]:
    return from_lines(batch.storage.get(batch.keys.shard(0)) or b"")


def record(batch: Batch, *results: ImageResult) -> None:
    body = "".join(result.to_line() for result in results).encode()
    batch.storage.put(batch.keys.part(0, "pod", 0), body)


def report(batch: Batch, key: str | None = None) -> list[list[str]]:
    text = (batch.storage.get(key or batch.keys.report_csv) or b"").decode()
    return list(csv.reader(io.StringIO(text, newline="")))


def test_entry_that_is_no_address_keeps_its_position_and_fails_alone(tmp_path: Path) -> None:
    batch = batch_of(
        tmp_path, f"{HEADER}\n1,Cat,https://a/w_1,h_1/1.jpg,n/a,https://a/2.jpg\n2,Dog,\n"
    )
    made = plan(batch)
    items = planned_items(batch)
    assert [(item.row, item.position, item.url) for item in items] == [
        (1, 1, "https://a/w_1,h_1/1.jpg"),
        (1, 2, "n/a"),
        (1, 3, "https://a/2.jpg"),
    ]
    assert (made.products, made.images, made.row_problems) == (2, 3, 2)
    record(
        batch,
        ImageResult(1, 1, items[0].url, ImageStatus.SUCCEEDED, "out/1"),
        ImageResult.failure(items[1], ErrorCode.INVALID_URL, "why"),
        ImageResult(1, 3, items[2].url, ImageStatus.SUCCEEDED, "out/3"),
    )
    collect(batch)
    listed = "https://a/w_1,h_1/1.jpg,n/a,https://a/2.jpg"
    assert report(batch)[1:] == [
        ["1", "Cat", listed, "out/1,,out/3", "2: invalid_url why"],
        ["2", "Dog", "", "", "no image URL in this row"],
    ]  # fmt: skip


def test_problems_are_logged_with_line_column_and_text(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = "".join(f"{n},Cat,https://a/1.jpg,n/a\n" for n in range(1, 31))
    with caplog.at_level(logging.INFO):
        plan(batch_of(tmp_path, f"{HEADER}\n{rows}"))
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0].startswith("input line 2, column 4: 'n/a' is no address of an image")
    assert lines[20] == "10 more problems of rows"
    assert len(lines) == 21


def test_cells_of_the_users_own_come_back_as_they_were(tmp_path: Path) -> None:
    cells = [" 007 ", "  Cat\t", " https://a/1.jpg ;\nhttps://a/2.jpg, ", " own "]
    out = io.StringIO()
    csv.writer(out).writerows([[*HEADER.split(","), "Own"], cells])
    batch = batch_of(tmp_path, out.getvalue())
    plan(batch)
    collect(batch)
    serial, product, listed, _outputs, own, _error = report(batch)[1]
    assert [serial, product, listed, own] == cells


def test_cells_that_a_spreadsheet_would_run_are_safe_in_the_report_and_raw_beside_it(
    tmp_path: Path,
) -> None:
    rows = [
        [*HEADER.split(","), "=Own"],
        ["1", "-12.5", "https://a/1.jpg", "+49 30 1234567"],
        ["'=2", "=1+1", "https://a/2.jpg", "'mine"],
        ["3", "'=1+1", "https://a/3.jpg", "＝1"],
    ]
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    batch = batch_of(tmp_path, out.getvalue())
    plan(batch)
    collect(batch)
    own = [[row[0], row[1], row[2], row[4]] for row in report(batch)]
    assert own[0][3] == "'=Own"
    assert own[1] == rows[1]
    assert own[2] == ["'=2", "'=1+1", "https://a/2.jpg", "'mine"]
    assert own[3] == ["3", "'=1+1", "https://a/3.jpg", "'＝1"]
    raw = report(batch, batch.keys.report_raw_csv)
    assert [[row[0], row[1], row[2], row[4]] for row in raw] == rows
    assert [[row[3], row[5]] for row in raw] == [[row[3], row[5]] for row in report(batch)]


def test_raw_report_goes_on_from_the_first_cell_that_differs(tmp_path: Path) -> None:
    many = "".join(f"{n},Cat {n},https://a/{n}.jpg\n" for n in range(1, 5001))
    batch = batch_of(
        tmp_path, f"{HEADER}\n{many}5001,=1,https://a/x.jpg\n5002,Dog,https://a/y.jpg\n"
    )
    plan(batch)
    collect(batch)
    safe, raw = report(batch), report(batch, batch.keys.report_raw_csv)
    assert len(raw) == 5003
    assert raw[:5001] == safe[:5001]
    assert (safe[5001][1], raw[5001][1]) == ("'=1", "=1")
    assert raw[5002] == safe[5002]


def test_report_in_which_no_cell_differs_is_written_once(tmp_path: Path) -> None:
    batch = batch_of(tmp_path, f"{HEADER}\n1,-12.5,https://a/1.jpg\n")
    plan(batch)
    collect(batch)
    assert batch.storage.get(batch.keys.report_raw_csv) is None


def test_windows_1252_is_told_in_plan_its_message_and_the_report(tmp_path: Path) -> None:
    content = f"{HEADER}\n1,Cat,https://a/1.jpg\n2,Größe,https://a/2.jpg\n3,Größe,https://a/3.jpg\n"
    batch = batch_of(tmp_path, content.encode("cp1252"))
    made = plan(batch)
    (notice,) = made.notices
    assert notice.startswith("line 3 and 1 other: not UTF-8, and read as Windows-1252")
    assert made.message().notices == made.notices
    collect(batch)
    rows = report(batch)
    assert [row[1] for row in rows[1:]] == ["Cat", "Größe", "Größe"]
    assert ["notice: line 3: not UTF-8" in row[-1] for row in rows[1:]] == [False, True, False]


@pytest.mark.parametrize(
    "content", ["secret=1,b\n1,2\n", "S. No.,Product Name,§image_url,Image Url\n"]
)
def test_first_line_of_what_is_no_csv_is_not_repeated(tmp_path: Path, content: str) -> None:
    """The source may be an address or an object that whoever made the batch may not read."""
    with pytest.raises(InputRefused) as caught:
        plan(batch_of(tmp_path, content))
    assert "secret" not in str(caught.value)
    assert "§" not in str(caught.value)


def test_names_of_files_are_no_problems_where_files_are_taken(tmp_path: Path) -> None:
    made = plan(batch_of(tmp_path, f"{HEADER}\n1,Cat,a.jpg,b c.jpg\n", files=True))
    assert (made.images, made.row_problems) == (2, 0)
    with pytest.raises(InputRefused, match="no row has a usable image URL"):
        plan(batch_of(tmp_path, f"{HEADER}\n1,Cat,a.jpg,b c.jpg\n"))


@pytest.mark.parametrize(
    "path",
    [
        "a,b.jpg",
        "a;b|c.jpg",
        "odd http:/x.jpg",
        " a b .jpg ",
        "50%.jpg",
        "a ;http://|",
        "x://y.jpg",
    ],
)
def test_any_name_of_a_file_stays_one_entry_of_a_list(tmp_path: Path, path: str) -> None:
    out = io.StringIO()
    csv.writer(out).writerows([HEADER.split(","), ["1", "Cat", to_url(path)]])
    batch = batch_of(tmp_path, out.getvalue(), files=True)
    plan(batch)
    (item,) = planned_items(batch)
    assert batch.files is not None
    assert batch.files.path(item.url) == tmp_path / path


def test_an_input_of_more_images_than_the_release_allows_is_refused_and_not_planned(
    tmp_path: Path,
) -> None:
    rows = f"{HEADER}\n1,Cat,https://a/1.jpg,https://a/2.jpg\n2,Dog,https://a/3.jpg\n"
    batch = batch_of(tmp_path, rows, ceilings=Ceilings(images=2))
    with pytest.raises(LimitExceeded, match="more than 2 images"):
        plan(batch)
    assert batch.storage.get(batch.keys.plan) is None
    assert plan(batch_of(tmp_path, rows, ceilings=Ceilings(images=3))).images == 3


@pytest.mark.parametrize(("bounds", "size"), [({"to": 2}, 2), ({"from": 900}, 900), ({}, 500)])
def test_plan_chooses_a_size_of_shards_that_the_release_allows(
    tmp_path: Path, bounds: dict[str, int], size: int
) -> None:
    rows = "".join(f"{n},Cat,https://a/{n}.jpg\n" for n in range(3))
    ceilings = Ceilings.model_validate({"imagesPerShard": bounds})
    made = plan(batch_of(tmp_path, f"{HEADER}\n{rows}", ceilings=ceilings))
    assert made.images_per_shard == size
