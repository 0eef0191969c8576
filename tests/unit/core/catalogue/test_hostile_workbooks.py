"""Workbooks that were made to fill a machine, and damaged ones, are refused in words, in bounds."""

from __future__ import annotations

import io
import random
import time
import tracemalloc
import zipfile
from collections.abc import Callable

import pytest

from imagebatch_core.catalogue.files import open_table, write_csv
from imagebatch_core.catalogue.xlsx import archive, shared_strings, workbook
from imagebatch_core.errors import InputRefused
from support.workbooks import HEADER, by_parts, by_xlsxwriter

MIB = 1 << 20
SHEET = "xl/worksheets/sheet1.xml"
MAIN = "xl/workbook.xml"
ROW = '<row r="1">' + "".join(f"<c t='str'><v>{name}</v></c>" for name in HEADER) + "</row>"
GOOD = f"{ROW}<row><c><v>1</v></c><c/><c t='str'><v>https://a/1.jpg</v></c></row>"


def read(content: bytes) -> int:
    """The number of rows; a CSV is made of them, too."""
    write_csv(io.BytesIO(content), lambda _: None)
    with open_table(io.BytesIO(content)) as rows:
        return sum(1 for _ in rows)


def sheet_of(xml: str | bytes) -> bytes:
    return by_parts("", parts={SHEET: xml if isinstance(xml, bytes) else xml.encode()})


def test_the_workbook_that_the_others_differ_from_is_good() -> None:
    assert read(by_parts(GOOD)) == 1


def _names() -> str:
    return "".join(f"<e{n}/>" for n in range(1_000_000))


def _attributes() -> str:
    return "<row " + " ".join(f"a{n}='1'" for n in range(500_000)) + "/>"


def _prefixes() -> str:
    return "".join(f'<c xmlns:p{n}="u"/>' for n in range(500_000))


BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "zeros": (lambda: sheet_of(b"<worksheet>" + bytes(200 * MIB)), "damaged"),
    "white space": (lambda: sheet_of(b"<worksheet>" + b" " * (200 * MIB)), "unpacks to far more"),
    "a cell that does not end": (
        lambda: by_parts(f"{ROW}<row><c t='str'><v>{'x' * 15 * MIB}"), "is longer than"
    ),
    "a text that does not end": (
        lambda: by_parts(GOOD, "<si><t>" + "x" * 15 * MIB), "a text is longer than"
    ),
    "a tag that does not end": (lambda: by_parts(ROW + "<c a='" + "x" * 15 * MIB), "too long"),
    "a comment that does not end": (lambda: by_parts(ROW + "<!--" + "x" * 15 * MIB), "too long"),
    "names": (lambda: by_parts(_names()), "too many"),
    "attributes": (lambda: by_parts(_attributes()), "too long|too many"),
    "prefixes": (lambda: by_parts(_prefixes()), "too many"),
    "depth": (lambda: by_parts("<a>" * 4_000_000), "too deep"),
    "depth of cells": (lambda: by_parts("<row><c>" * 2_000_000), "too deep"),
    "names in the styles": (lambda: by_parts(GOOD, styles=_names()), "too many"),
    "depth in the texts": (lambda: by_parts(GOOD, "<si>" * 4_000_000), "too deep"),
    "the text of a cell again and again": (
        lambda: by_parts(
            ROW + "<row>" + "<c t='s'><v>0</v></c>" * 16_000 + "</row>",
            f"<si><t>{'x' * (MIB - 1)}</t></si>",
        ),
        "the row is longer",
    ),
    "cells beyond the last column": (
        lambda: by_parts(f"{ROW}<row>{'<c><v>1</v></c>' * 16_385}</row>"), "it has a cell"
    ),
    "a column without end": (
        lambda: by_parts(f"{ROW}<row><c r='{'A' * 200_000}1'/></row>"), "it has a cell"
    ),
    "a row beyond the last": (
        lambda: by_parts(f"{ROW}<row r='1048577'/>"), "more than 1048576 rows"
    ),
    "entities": (
        lambda: sheet_of(
            '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
            '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><worksheet>&c;</worksheet>'
        ),
        "document type",
    ),
    "an outside entity": (
        lambda: sheet_of('<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>'),
        "document type",
    ),
    "a directory of many parts": (
        lambda: by_parts(GOOD, parts={f"xl/{n}.xml": b"" for n in range(12_000)}),
        "more than 10000 parts",
    ),
    "a directory that is too large": (
        lambda: by_parts(GOOD, parts={f"xl/{n}{'x' * 60_000}": b"" for n in range(60)}),
        "too large a directory",
    ),
    "LZMA": (lambda: by_parts(GOOD, method=zipfile.ZIP_LZMA), "packed in an unusual way"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("kind", BOMBS)
def test_workbook_that_was_made_to_fill_a_machine_does_not(kind: str) -> None:
    make, words = BOMBS[kind]
    content = make()
    begin = time.process_time()
    tracemalloc.start()
    try:
        with pytest.raises(InputRefused, match=words):
            read(content)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 48 * MIB
    assert time.process_time() - begin < 60


def test_row_at_the_far_corner_takes_neither_memory_nor_much_time() -> None:
    """An array of all cells in between, as some readers make it, takes 400 GB."""
    content = by_parts(GOOD + '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')
    assert read(content) == 2


def test_numbers_without_end_are_as_if_they_were_not_there() -> None:
    nines = "9" * 100_000
    row = f"<row r='{nines}'><c s='{nines}'><v>1</v></c><c/><c t='str'><v>https://a</v></c></row>"
    assert read(by_parts(ROW + row)) == 1


@pytest.mark.slow
def test_many_rows_that_repeat_one_long_text_end_at_the_limit_of_a_table(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workbook, "UNPACKED_LIMIT", 50 * MIB)
    content = by_parts(
        ROW + "<row><c t='s'><v>0</v></c></row>" * 1000, f"<si><t>{'x' * (MIB - 1)}</t></si>"
    )
    tracemalloc.start()
    try:
        with pytest.raises(InputRefused, match="the table is too large"):
            read(content)
        assert tracemalloc.get_traced_memory()[1] < 48 * MIB
    finally:
        tracemalloc.stop()


def test_more_texts_than_a_full_sheet_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_strings, "_COUNT_LIMIT", 100)
    assert read(by_parts(GOOD, "<si/>" * 100)) == 1
    with pytest.raises(InputRefused, match="too many texts"):
        read(by_parts(GOOD, "<si/>" * 101))


@pytest.mark.slow
def test_all_parts_together_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "UNPACKED_LIMIT", 5 * MIB)
    comment = f"<!--{''.join(random.Random(1).choices('abcdefgh', k=200_000))}-->"
    assert read(by_parts(GOOD + comment * 10, comment * 12)) == 1
    with pytest.raises(InputRefused, match="unpacks to far more"):
        read(by_parts(GOOD + comment * 16, comment * 12))


@pytest.mark.slow
def test_large_workbook_is_read_in_memory_that_does_not_grow_with_it() -> None:
    """30 MB of texts that differ: those are on disk, not in memory."""
    noise = random.Random(1)
    rows = [
        [n, f"{noise.random()}" * 40, f"https://cdn.example/{n}/{noise.random()}.jpg"]
        for n in range(30_000)
    ]
    content = by_xlsxwriter([HEADER, *rows])
    tracemalloc.start()
    try:
        with open_table(io.BytesIO(content)) as found:
            for row, (serial, product, listed) in zip(found, rows, strict=True):
                assert (row.serial, row.product, row.listed) == (str(serial), product, listed)
        assert tracemalloc.get_traced_memory()[1] < 32 * MIB
    finally:
        tracemalloc.stop()


def _flagged(content: bytes) -> bytes:
    """Every part of the archive marked as encrypted."""
    out = bytearray(content)
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        found = out.find(mark)
        while found >= 0:
            out[found + at] |= 1
            found = out.find(mark, found + 4)
    return bytes(out)


def _flipped(content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as zipped:
        at = zipped.getinfo(SHEET).header_offset + 60 + len(SHEET)
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


DAMAGED: dict[str, tuple[bytes, str]] = {
    "cut": (by_parts(GOOD)[:-200], "damaged"),
    "cut early": (by_parts(GOOD)[:700], "damaged"),
    "a byte changed": (_flipped(by_parts(GOOD)), "damaged"),
    "a password on its parts": (_flagged(by_parts(GOOD)), "password"),
    "no sheet": (by_parts(GOOD, parts={MAIN: b"<workbook/>"}), "no sheet with rows"),
    "a sheet that is not there": (
        by_parts(GOOD, parts={"xl/_rels/workbook.xml.rels": b"<Relationships/>"}),
        "no sheet with rows",
    ),
    "a part that is not there": (
        by_parts(
            GOOD,
            parts={
                "xl/_rels/workbook.xml.rels": b'<Relationships><Relationship Id="r1" '
                b'Type="x/worksheet" Target="../../../etc/passwd"/></Relationships>'
            },
        ),
        "the part 'etc/passwd' is missing",
    ),
    "a text that is not there": (by_parts(f"{ROW}<row><c t='s'><v>7</v></c></row>"), "missing"),
    "a text below zero": (by_parts(f"{ROW}<row><c t='s'><v>-1</v></c></row>"), "missing"),
    "no XML": (by_parts("", parts={SHEET: b"hello"}), "damaged"),
    "tags that cross": (by_parts("<row><c></row></c>"), "damaged"),
    "an encoding that nobody knows": (
        sheet_of('<?xml version="1.0" encoding="x-no"?><worksheet/>'),
        "damaged",
    ),
    "binary": (
        by_parts(
            GOOD,
            parts={
                "_rels/.rels": b'<Relationships><Relationship Id="r" Type="x/officeDocument" '
                b'Target="xl/workbook.bin"/></Relationships>'
            },
        ),
        r"binary Excel file \(.xlsb\); save it as .xlsx",
    ),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_damaged_workbook_is_refused_in_words(kind: str) -> None:
    content, words = DAMAGED[kind]
    with pytest.raises(InputRefused, match=words):
        read(content)


@pytest.mark.parametrize("seed", range(200))
def test_no_damage_causes_anything_but_a_refusal(seed: int) -> None:
    chance = random.Random(seed)
    content = bytearray(by_parts(GOOD, "<si><t>x</t></si>", method=zipfile.ZIP_STORED))
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(content))
        content[at : at + chance.randrange(4)] = chance.randbytes(chance.randrange(4))
    try:
        read(bytes(content))
    except InputRefused as refused:
        str(refused).encode()
