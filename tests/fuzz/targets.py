"""What may never happen, whatever the bytes: each target raises when it does.

A target takes bytes and returns; refusals in the words of the product are fine. Time and memory of
one input are bounded by the fuzzer itself.
"""

from __future__ import annotations

import contextlib
import csv
import io
import zipfile
from collections.abc import Callable
from typing import Any, BinaryIO

from PIL import Image

from imagebatch_core.catalogue.files import open_table, write_csv
from imagebatch_core.catalogue.formulas import neutralise_cell
from imagebatch_core.catalogue.rows import Row, RowProblem, open_rows
from imagebatch_core.catalogue.url_list import split_list
from imagebatch_core.errors import InputRefused
from imagebatch_core.formats import Kind
from imagebatch_core.results import ShardItem
from imagebatch_core.urls import UrlRefused, check_url
from imagebatch_runner.codec.formats import FORMATS
from imagebatch_runner.codec.options import CodecOptions
from imagebatch_runner.codec.sniff import sniff
from imagebatch_runner.codec.transcode import compress
from imagebatch_runner.failures import ImageFailed
from imagebatch_runner.steps import groups, sharding
from imagebatch_runner.steps.report import ReportWriter
from imagebatch_runner.workers import memfile
from support.workbooks import by_parts

_MAX_PIXELS = 1_000_000


class _Pieces(io.RawIOBase):
    """A stream that gives ``size`` bytes at a time, as a network does."""

    def __init__(self, data: bytes, size: int) -> None:
        self._inner = io.BytesIO(data)
        self._size = size

    def read(self, size: int = -1) -> bytes:
        return self._inner.read(self._size if size < 0 else min(size, self._size))


class _Sink(bytearray):
    def write(self, data: bytes, /) -> int:
        self.extend(data)
        return len(data)

    def close(self) -> None: ...


def csv_reader(data: bytes) -> None:
    """Rows that hold together, the same in pieces, and again in the report's own CSV."""
    read = _read(io.BytesIO(data))
    assert read == _read(_Pieces(data, 1 + len(data) % 7)), "pieces make a difference"
    if isinstance(read, str):
        assert _tally(data) == read
        return
    columns, rows = read
    images = sum(len(row.urls) for row in rows)
    problems = [problem for row in rows for problem in row.problems]
    assert _tally(data) == (len(rows), images, problems), "blocks make a difference"
    for number, row in enumerate(rows, start=1):
        assert (row.number, len(row.extra)) == (number, len(columns))
        assert bool(row.urls) or [problem.text for problem in row.problems] == [""]
        assert tuple(entry.text for entry in split_list(row.listed)) == row.urls
        for problem in row.problems:
            assert not row.urls or any(url.startswith(problem.text) for url in row.urls)
            assert (problem.line, problem.column > 0) == (row.line, True)
        assert row.line > number
        for url in row.urls:
            assert url == url.strip()
            assert url
        items = list(sharding.items_of(row))
        lines = [item.to_line().encode() for item in items]
        shards = list(groups.shards_of(lines, 2, 3))
        assert [shard.count(b"\n") for shard in shards[:-1]] == [2] * (len(shards) - 1)
        dealt = [item for shard in shards for item in sharding.from_lines(shard)]
        assert sorted(dealt, key=lambda item: item.position) == items
        assert [ShardItem.from_line(item.to_line()) for item in items] == items
    _again(columns, rows)


def _read(stream: Any) -> tuple[tuple[str, ...], list[Row]] | str:
    try:
        reader = open_rows(stream)
        return reader.columns.extra, list(reader)
    except InputRefused as error:
        text = str(error)
        assert text
        text.encode()
        return text


def _tally(data: bytes) -> tuple[int, int, list[RowProblem]] | str:
    """What an upload counts: rows, images and problems, blocks of plain rows at once."""
    number = images = 0
    problems: list[RowProblem] = []
    try:
        reader = open_rows(io.BytesIO(data))
        while True:
            if (plain := reader.skip_plain()) is not None:
                number, images = number + plain.rows, images + plain.images
            elif (row := next(reader, None)) is not None:
                number, images = row.number, images + len(row.urls)
                problems += row.problems
            else:
                return number, images, problems
    except InputRefused as error:
        return str(error)


def _again(columns: tuple[str, ...], rows: list[Row]) -> None:
    """The report is a CSV of the same rows, formulas made harmless; the raw one as they were."""
    sink = _Sink()
    raw = _Sink()

    def fork() -> _Sink:
        raw.extend(sink)
        return raw

    writer = ReportWriter(sink, _Sink(), columns, fork)
    for row in rows:
        writer.row(row, [])
    writer.close()
    table, as_they_were = (
        list(csv.reader(io.StringIO(one.decode(), newline=""), strict=True))
        for one in (sink, raw or sink)
    )
    for cells, own, row in zip(table[1:], as_they_were[1:], rows, strict=True):
        told = [problem.problem for problem in row.problems]
        told[:0] = [] if row.notice is None else [f"notice: {row.notice}"]
        expected = [row.serial, row.product, row.listed, "", *row.extra, "; ".join(told)]
        assert cells == [neutralise_cell(cell) for cell in expected]
        assert own == expected


def workbook(data: bytes) -> None:
    """Rows, or a refusal in words; the same rows from the CSV that is made of them."""
    content = data if data.startswith(b"PK") else _packed(data)
    out = _Sink()
    try:
        write_csv(io.BytesIO(content), out.write)
        with open_table(io.BytesIO(content)) as found:
            rows = [row[:1] + row[2:7] for row in found]
    except InputRefused as error:
        str(error).encode()
        return
    if rows or content is not data:
        assert rows == [row[:1] + row[2:7] for row in open_rows(io.BytesIO(out))]


def _packed(data: bytes) -> bytes:
    sheet = b"<worksheet><sheetData>" + data + b"</sheetData></worksheet>"
    styles = "<numFmts><numFmt numFmtId='200' formatCode='[h]:mm'/></numFmts><cellXfs>" + "".join(
        f"<xf numFmtId='{kind}'/>" for kind in (0, 14, 9, 200, 2)
    )
    return by_parts(
        "",
        "<si><t>text</t></si><si><t>http://a/1.jpg</t></si>",
        styles=f"{styles}</cellXfs>",
        parts={"xl/worksheets/sheet1.xml": sheet},
        method=zipfile.ZIP_STORED,
    )


def header_sniff(data: bytes) -> None:
    """A kind and a plausible size, or the image's own failure."""
    try:
        found = sniff(data, max_pixels=_MAX_PIXELS)
    except ImageFailed:
        return
    assert found.kind in Kind
    counted = FORMATS[found.kind].frames(data, 50)
    assert counted is None or 1 <= counted <= 50
    if found.pixels is not None:
        assert found.width is not None
        assert found.height is not None
        assert min(found.width, found.height) >= 0
        assert found.pixels <= _MAX_PIXELS


def url(data: bytes) -> None:
    """What was checked is what is requested: its own text names the same host."""
    text = data.decode("utf-8", "surrogateescape")
    for candidate in (text, f"http://{text}", f"http://{text}/a.jpg"):
        try:
            checked = check_url(candidate)
        except UrlRefused:
            continue
        host, port = checked.raw_host, checked.port
        assert host
        assert host.isascii()
        assert port
        assert checked.scheme in ("http", "https")
        assert not checked.user
        assert all("!" <= character <= "~" for character in checked.raw_path_qs)
        assert check_url(str(checked)) == checked


def picture(data: bytes) -> None:
    """Whatever codecs are installed: a picture that can be read, or the image's own failure.

    A JPEG that the fast way takes is one that Pillow takes, too.
    """
    try:
        kind = sniff(data, max_pixels=_MAX_PIXELS).kind
    except ImageFailed:
        return
    profile = ("small", "fast")[len(data) % 2]  # each has codecs of its own
    options = CodecOptions(profile=profile, max_pixels=_MAX_PIXELS, max_frames=20)
    with _out() as out:
        try:
            made = compress(data, kind, options, out)
        except Exception:  # noqa: BLE001 - what a plugin raises, the worker reports as corrupt
            return
        if made.kept:
            return
        out.seek(0)
        with Image.open(io.BytesIO(out.read())) as image:
            image.load()
            assert image.size == (made.width, made.height)
    if kind is Kind.JPEG:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            image.load()


@contextlib.contextmanager
def _out() -> Any:
    with open(memfile.create("fuzz"), "r+b", buffering=0) as file:  # noqa: PTH123 - a descriptor
        yield _as_binary(file)


def _as_binary(file: Any) -> BinaryIO:
    binary: BinaryIO = file
    return binary


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target for target in (csv_reader, workbook, header_sniff, url, picture)
}
