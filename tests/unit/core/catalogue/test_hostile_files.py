"""Files that are no CSV, or one that would take all memory or time: refused, early, in words."""

from __future__ import annotations

import io
import itertools
import tracemalloc
from collections.abc import Iterator

import pytest

from imagebatch_core.catalogue.header import COLUMN_LIMIT
from imagebatch_core.catalogue.rows import Row, open_rows
from imagebatch_core.catalogue.text import ROW_LIMIT
from imagebatch_core.errors import InputRefused
from support.nocsv import NO_CSV

HEADER = b"S. No.,Product Name,Input Image Urls"
MIB = 1 << 20


class Stream(io.RawIOBase):
    """Bytes without end, counted, in pieces of at most ``most``."""

    def __init__(self, pieces: Iterator[bytes], most: int = 1 << 16) -> None:
        self._pieces = pieces
        self._left = b""
        self._most = most
        self.given = 0

    def read(self, size: int = -1) -> bytes:
        if not self._left:
            self._left = next(self._pieces, b"")
        size = self._most if size < 0 else min(size, self._most)
        piece, self._left = self._left[:size], self._left[size:]
        self.given += len(piece)
        return piece


def rows(content: bytes) -> list[Row]:
    return list(open_rows(io.BytesIO(content)))


@pytest.mark.parametrize("kind", NO_CSV)
def test_what_is_no_csv_is_refused_with_advice(kind: str) -> None:
    content, words = NO_CSV[kind]
    with pytest.raises(InputRefused) as caught:
        rows(content)
    assert words in str(caught.value)


@pytest.mark.parametrize("kind", NO_CSV)
def test_advice_is_the_same_however_small_the_pieces_of_the_stream_are(kind: str) -> None:
    content, words = NO_CSV[kind]
    with pytest.raises(InputRefused) as caught:
        list(open_rows(Stream(iter([content]), most=1)))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "header",
    [
        b"[S. No.],[Product Name],[Input Image Urls]",
        b"{S. No.},Product Name,Input Image Urls",
        b"<S. No.>,Product Name,Input Image Urls",
        b"S. No.,Product Name,Input Image Urls,[\"a\"]",
        b"PKS,S. No.,Product Name,Input Image Urls",
        b"%,S. No.,Product Name,Input Image Urls",
    ],
)  # fmt: skip
def test_odd_column_names_are_not_taken_for_another_kind_of_file(header: bytes) -> None:
    assert len(rows(header + b"\n1,a,b,c\n")) == 1


ENDLESS = {
    "one line": (HEADER + b"\n", b"a" * 65536),
    "one line of cells": (HEADER + b"\n", b"," * 65536),
    "one line of cells with something in them": (HEADER + b"\n", b"a," * 32768),
    "an unclosed quote": (HEADER + b'\n1,"', b"a\n" * 32768),
    "cells over many lines": (HEADER + b"\n", b'"\n",' * 16384),
    "a header": (b"S. No.,", b"a," * 32768),
    "a header without end": (b"", b"," * 65536),
    "a header over many lines": (HEADER, b',"\n"' * 16384),
    "carriage returns in quotes": (HEADER + b'\n"', b"\r" * 65536),
    "quotes": (HEADER + b"\n", b'""' * 32768),
    "UTF-16": (HEADER.decode().encode("utf-16"), b"a\0" * 32768),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ENDLESS)
def test_row_that_never_ends_is_refused_before_it_takes_memory(kind: str) -> None:
    head, piece = ENDLESS[kind]
    stream = Stream(itertools.chain([head], itertools.repeat(piece, 1024)))
    tracemalloc.start()
    try:
        with pytest.raises(InputRefused):
            list(open_rows(stream))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert stream.given < 3 * ROW_LIMIT
    assert peak < 160 * MIB  # a list of as many cells as a row may have characters


def test_row_of_twenty_thousand_urls_is_read() -> None:
    urls = [f"https://images.example/products/{n:06}/{'x' * 140}.jpg" for n in range(20_000)]
    for listed in (",".join(urls), *(f'"{",".join(urls[:5000])}"',)):
        (row,) = rows(HEADER + f"\n1,Cat,{listed}\n".encode())
        assert row.urls == tuple(urls[: len(row.urls)])
        assert len(row.urls) in {5000, 20_000}


@pytest.mark.slow
@pytest.mark.parametrize(
    "listed",
    [
        "abc," * 1_000_000,
        "http://a/1," * 350_000,
        "http://a/" + ",b" * 1_900_000,
        "x;ftp://b," * 380_000,
    ],
    ids=["words", "addresses", "one address", "other schemes"],
)
def test_row_of_a_million_entries_takes_little_more_than_its_cells(listed: str) -> None:
    content = HEADER + f"\n1,Cat,{listed}\n".encode()
    tracemalloc.start()
    try:
        (row,) = open_rows(io.BytesIO(content))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert row.urls
    assert peak < 160 * MIB


def test_header_of_many_columns_is_refused_for_every_row_is_filled_up_to_it() -> None:
    def header(extra: int) -> bytes:
        return HEADER + b"".join(b",c%d" % n for n in range(extra)) + b"\n1,Cat,http://a\n"

    (row,) = rows(header(COLUMN_LIMIT - 3))
    assert len(row.extra) == COLUMN_LIMIT - 3
    with pytest.raises(InputRefused, match="columns"):
        rows(header(COLUMN_LIMIT - 2))


@pytest.mark.slow
def test_millions_of_empty_columns_take_no_time_to_leave_out() -> None:
    """Copying what is left for each of them would take hours."""
    (row,) = rows(HEADER + b"," * 3_000_000 + b"\n1,Cat,http://a\n")
    assert row.extra == ()


@pytest.mark.slow
def test_millions_of_empty_lines_are_skipped_and_counted() -> None:
    (row,) = rows(HEADER + b"\n" * 1_000_001 + b"1,Cat,http://a\n")
    assert (row.number, row.line) == (1, 1_000_002)
