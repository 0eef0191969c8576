"""A CSV that came gzip-compressed."""

from __future__ import annotations

import gzip
import io
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from imagebatch_core.errors import InputRefused
from imagebatch_core.job import JobSource, RunnerJob
from imagebatch_core.keys import BatchKeys
from imagebatch_runner.settings import Settings
from imagebatch_runner.steps.batch import Batch
from imagebatch_runner.steps.packed_input import is_gzip, open_unpacked
from imagebatch_runner.steps.plan import plan
from imagebatch_runner.steps.source import sha256_of
from imagebatch_runner.store.storage import Storage
from support.workbooks import HEADER, by_openpyxl

TEXT = b"S. No.,Product Name,Input Image Urls\n" + b"1,x,http://h/9-9\n" * 5000
PACKED = gzip.compress(TEXT)


@pytest.mark.parametrize(
    "data",
    [TEXT, PACKED, gzip.compress(TEXT[:9]) + gzip.compress(TEXT[9:]), gzip.compress(PACKED)],
    ids=["plain", "gzip", "in two members", "gzip in gzip"],
)
def test_the_same_csv_is_read_whether_compressed_or_not(tmp_path: Path, data: bytes) -> None:
    file, plain = tmp_path / "products.csv", tmp_path / "plain.csv"
    file.write_bytes(data)
    plain.write_bytes(TEXT)
    with open_unpacked(file) as stream:
        assert stream.read() == TEXT
    assert is_gzip(file) == (data != TEXT)
    assert sha256_of(file) == sha256_of(plain)


WORKBOOK = by_openpyxl({"Products": [HEADER, [1, "x", "http://h/1.jpg"]], "Notes": [["y"]]})


@pytest.mark.parametrize("data", [WORKBOOK, gzip.compress(WORKBOOK)], ids=["plain", "gzip"])
def test_workbook_becomes_the_csv_that_the_batch_works_on(tmp_path: Path, data: bytes) -> None:
    source = tmp_path / "products.xlsx"
    source.write_bytes(data)
    job = RunnerJob(namespace="shop", name="spring", uid="u", source=JobSource(path=str(source)))
    storage = Storage(MemoryStore(), patience=0)
    batch = Batch(job, BatchKeys.of("shop", "u"), storage, Settings())
    made = plan(batch)
    text = b"\xef\xbb\xbfS. No.,Product Name,Input Image Urls\n1,x,http://h/1.jpg\n"
    assert storage.get(batch.keys.input) == text
    assert made.input_sha256 == sha256(text).hexdigest() == sha256_of(source)
    assert made.notices == ("the workbook has 2 sheets; 'Products' was read",)


def test_a_sheet_with_a_very_long_name_does_not_keep_plan_from_its_message(
    tmp_path: Path,
) -> None:
    long = "Autumn " * 100
    rows = [HEADER, [1, "x", "http://h/1.jpg"]]
    source = tmp_path / "products.xlsx"
    source.write_bytes(renamed(by_openpyxl({"first": rows, "Notes": [["y"]]}), "first", long))
    job = RunnerJob(namespace="shop", name="spring", uid="u", source=JobSource(path=str(source)))
    batch = Batch(job, BatchKeys.of("shop", "u"), Storage(MemoryStore(), patience=0), Settings())
    [notice] = plan(batch).message().notices
    assert notice.startswith("the workbook has 2 sheets; 'Autumn Autumn")
    assert notice.endswith("…")


def renamed(workbook: bytes, name: str, other: str) -> bytes:
    """Return the workbook with another name of a sheet, also one that openpyxl refuses."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as old, zipfile.ZipFile(made, "w") as new:
        for entry in old.namelist():
            data = old.read(entry)
            if entry == "xl/workbook.xml":
                data = data.replace(f'name="{name}"'.encode(), f'name="{other}"'.encode())
            new.writestr(entry, data)
    return made.getvalue()


def test_sheet_that_is_named_becomes_the_csv(tmp_path: Path) -> None:
    source = tmp_path / "products.xlsx"
    rows = [HEADER, [1, "x", "http://h/1.jpg"]]
    source.write_bytes(by_openpyxl({"Old": [["no"]], "New": rows}))
    storage = Storage(MemoryStore(), patience=0)

    def batch(sheet: str) -> Batch:
        job_source = JobSource(path=str(source), sheet=sheet)
        job = RunnerJob(namespace="shop", name="spring", uid=sheet, source=job_source)
        return Batch(job, BatchKeys.of("shop", sheet), storage, Settings())

    assert plan(batch("New")).images == 1
    with pytest.raises(InputRefused, match="no sheet 'Other'"):
        plan(batch("Other"))
    source.write_text("S. No.,Product Name,Input Image Urls\n1,x,http://h/1.jpg\n")
    with pytest.raises(InputRefused, match=r"\('Again'\), and the input is no .xlsx file"):
        plan(batch("Again"))


def test_workbook_that_holds_a_larger_table_than_allowed_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "products.xlsx"
    source.write_bytes(
        by_openpyxl({"S": [HEADER, *([1, "x" * 1000, "http://h"] for _ in range(99))]})
    )
    job = RunnerJob(namespace="shop", name="spring", uid="u", source=JobSource(path=str(source)))
    storage = Storage(MemoryStore(), patience=0)
    settings = Settings(source_max_bytes=20_000)
    assert source.stat().st_size < 20_000
    with pytest.raises(InputRefused, match="larger than"):
        plan(Batch(job, BatchKeys.of("shop", "u"), storage, settings))


def _flipped(data: bytes) -> bytes:
    return data[:100] + bytes([data[100] ^ 255]) + data[101:]


@pytest.mark.parametrize(
    "data",
    [PACKED[:200], PACKED[:3], _flipped(PACKED), PACKED[:-8] + bytes(8), PACKED + b"more"],
    ids=["cut", "cut in the header", "a byte changed", "wrong checksum", "something behind it"],
)
def test_gzip_that_cannot_be_unpacked_is_refused_with_the_cause(
    tmp_path: Path, data: bytes
) -> None:
    file = tmp_path / "products.csv.gz"
    file.write_bytes(data)
    with pytest.raises(InputRefused, match="the file is gzip, and cannot be unpacked"):
        sha256_of(file)


def test_an_error_of_the_disk_is_not_called_bad_gzip(tmp_path: Path) -> None:
    file = tmp_path / "products.csv"
    file.write_bytes(TEXT)
    with pytest.raises(OSError, match="disk"), open_unpacked(file):
        raise OSError("disk")
