"""A CSV that came gzip-compressed."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from imagebatch_core.errors import InputRefused
from imagebatch_runner.steps.gzip_input import is_gzip, open_unpacked
from imagebatch_runner.steps.source import sha256_of

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
