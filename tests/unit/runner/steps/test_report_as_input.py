"""A report is an input again: the same rows and columns, formulas made harmless."""

from __future__ import annotations

import io
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagebatch_core.catalogue.formulas import neutralise_cell
from imagebatch_core.catalogue.rows import Row, open_rows
from imagebatch_core.results import ImageResult, ImageStatus
from imagebatch_runner.steps.report import ReportWriter

#: Without NUL: near the start of a file it means that this is no text.
CELL = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12
) | st.sampled_from(["=1+1", "@a", "a,b", 'a"b', "a\r\nb", ";", "\t", "'"])
URL = st.from_regex(r"https?://[a-z0-9./?=&;%-]{0,20}[a-z0-9]", fullmatch=True)
#: Own columns that are not read as one of ours.
NAME = CELL.map(lambda text: f"own {text}")


class Sink(bytearray):
    def write(self, data: bytes, /) -> int:
        self.extend(data)
        return len(data)

    def close(self) -> None: ...


def result(row: Row, position: int, url: str) -> ImageResult:
    return ImageResult(
        row=row.number,
        position=position,
        input_url=url,
        status=ImageStatus.SUCCEEDED,
        output_url=f"images/{row.number}-{position}.jpg",
    )


@pytest.mark.slow
@given(st.data(), st.lists(NAME, max_size=3))
def test_report_read_again_gives_its_rows(data: st.DataObject, names: list[str]) -> None:
    products = st.tuples(
        CELL, CELL, st.lists(URL, min_size=1, max_size=3), st.tuples(*[CELL for _ in names])
    )
    drawn = data.draw(st.lists(products, max_size=6))
    lines = itertools.count(2)
    rows = [
        Row(number, next(lines), serial, product, ",".join(urls), tuple(urls), extra)
        for number, (serial, product, urls, extra) in enumerate(drawn, start=1)
    ]
    sink, raw = Sink(), Sink()

    def fork() -> Sink:
        raw.extend(sink)
        return raw

    writer = ReportWriter(sink, Sink(), names, fork)
    for row in rows:
        writer.row(row, [result(row, at, url) for at, url in enumerate(row.urls, start=1)])
    writer.close()

    own = [(r.number, r.serial, r.product, r.listed, r.urls, r.extra) for r in rows]
    again = open_rows(io.BytesIO(raw or sink))
    assert [(r.number, r.serial, r.product, r.listed, r.urls, r.extra) for r in again] == own

    again = open_rows(io.BytesIO(sink))
    assert again.columns.extra == tuple(names)
    assert [(r.number, r.serial, r.product, r.listed, r.urls, r.extra) for r in again] == [
        (
            row.number,
            neutralise_cell(row.serial),
            neutralise_cell(row.product),
            row.listed,
            row.urls,
            tuple(map(neutralise_cell, row.extra)),
        )
        for row in rows
    ]


def test_users_column_named_like_one_of_the_reports_is_kept() -> None:
    columns = b"S. No.,Product Name,Input Image Urls,Output Image Urls,Error,SKU,Error"
    again = open_rows(io.BytesIO(columns + b"\n1,a,http://h/a.jpg,a.jpg,mine,7,theirs\n"))
    assert again.columns.extra == ("Error", "SKU")
    assert [row.extra for row in again] == [("mine", "7")]
