"""Claims about workbooks (.xlsx): what people wrote in a sheet comes out as text."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import pytest
import python_calamine
from hypothesis import given, settings
from hypothesis import strategies as st

from imagebatch_core.catalogue.files import open_table, write_csv
from imagebatch_core.catalogue.rows import Row, open_rows
from imagebatch_core.catalogue.xlsx.number_formats import NumberFormat
from imagebatch_core.catalogue.xlsx.workbook import open_workbook
from imagebatch_core.errors import InputRefused
from support.workbooks import HEADER, by_openpyxl, by_parts, by_xlsxwriter


def cells(content: bytes, sheet: str | None = None) -> list[list[str]]:
    workbook = open_workbook(
        io.BytesIO(content), sheet=sheet, cell_limit=1 << 20, row_limit=1 << 21
    )
    assert workbook is not None
    with workbook:
        return list(workbook.rows())


def rows(content: bytes, **options: Any) -> list[Row]:
    with open_table(io.BytesIO(content), **options) as reader:
        return list(reader)


def as_csv(content: bytes) -> bytes:
    out = io.BytesIO()
    write_csv(io.BytesIO(content), out.write)
    return out.getvalue()


TABLE = [
    [*HEADER, "Colour", "Price"],
    [1, "Größe 日本", "https://a/w_1,h_1/1.jpg,n/a", "red", 12.5],
    [2, "two\nlines", "https://a/2.jpg\nhttps://a/3.jpg", "", 7],
]


@pytest.mark.parametrize(
    "content",
    [by_xlsxwriter(TABLE), by_xlsxwriter(TABLE, inline=True), by_openpyxl({"Products": TABLE})],
    ids=["shared strings", "texts in the cells", "openpyxl"],
)
def test_rows_of_a_workbook_are_those_of_its_csv(content: bytes) -> None:
    one, two = rows(content)
    assert one[:7] == (
        1, 2, "1", "Größe 日本", "https://a/w_1,h_1/1.jpg,n/a",
        ("https://a/w_1,h_1/1.jpg", "n/a"), ("red", "12.5"),
    )  # fmt: skip
    assert [(p.line, p.column, p.text) for p in one.problems] == [(2, 3, "n/a")]
    assert two[:7] == (
        2, 3, "2", "two\nlines", "https://a/2.jpg\nhttps://a/3.jpg",
        ("https://a/2.jpg", "https://a/3.jpg"), ("", "7"),
    )  # fmt: skip
    with io.BytesIO(as_csv(content)) as stream:
        assert [row[2:7] for row in open_rows(stream)] == [one[2:7], two[2:7]]


TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
    | st.sampled_from("\n\t_x0041_"),
    max_size=12,
)


@settings(max_examples=40)
@given(st.lists(st.lists(TEXT, min_size=1, max_size=4), min_size=1, max_size=5), st.booleans())
def test_any_text_comes_out_as_another_reader_has_it(table: list[list[str]], inline: bool) -> None:
    content = by_xlsxwriter(table, inline=inline)
    other = python_calamine.load_workbook(io.BytesIO(content)).get_sheet_by_index(0)
    expected = [[str(cell) for cell in row] for row in other.to_python(skip_empty_area=False)]
    found = cells(content)
    assert [_trimmed(row) for row in expected[: len(found)]] == found
    assert not any(any(row) for row in expected[len(found) :])


def _trimmed(row: list[str]) -> list[str]:
    """A row without the empty cells at its end."""
    return row[: max((at for at, text in enumerate(row, start=1) if text), default=0)]


MOMENT = dt.datetime(2026, 11, 28, 14, 30)  # noqa: DTZ001 - cells know no time zone
MIDNIGHT = dt.datetime(2026, 11, 28)  # noqa: DTZ001
DAY = dt.date(2026, 11, 28)
NUMBERS = [
    (1, None, "1"), (1.0, None, "1"), (-3, None, "-3"), (12.5, None, "12.5"), (0.1, None, "0.1"),
    (12.3, None, "12.3"), (0.1 + 0.2, None, "0.3"), (1e-7, None, "1E-07"), (1e300, None, "1E+300"),
    (4006381333931, None, "4006381333931"), (42, "00000", "00042"), (7, "000", "007"),
    (12.5, "0.00", "12.50"), (12.345, "0.00", "12.345"), (1234.5, "#,##0.00", "1234.50"),
    (1234, '#,##0.00 "€"', "1234.00"), (3, "#,##0", "3"), (0.25, "0%", "25%"),
    (0.125, "0.00%", "12.50%"), (0.07, "0%", "7%"), (5, '0 "days"', "5"), (5, "General", "5"),
    (5, "[Red]0;[Blue]-0", "5"), (5, '"d"0', "5"), (5, "0\\d", "5"),
    (True, None, "TRUE"), (False, None, "FALSE"),
    (DAY, None, "2026-11-28"), (DAY, "dd.mm.yyyy", "2026-11-28"),
    (DAY, "[$-407]d. mmmm yyyy", "2026-11-28"), (MOMENT, None, "2026-11-28 14:30:00"),
    (MOMENT, "d/m/yy h:mm", "2026-11-28 14:30:00"), (MOMENT, "d/m/yy", "2026-11-28"),
    (MIDNIGHT, "yyyy-mm-dd hh:mm", "2026-11-28 00:00:00"), (dt.time(14, 30, 5), None, "14:30:05"),
    (dt.timedelta(hours=26, minutes=3), "[h]:mm:ss", "26:03:00"),
    (dt.date(1900, 3, 1), None, "1900-03-01"), (dt.date(1900, 2, 28), None, "1900-02-28"),
    (-1.5, "yyyy-mm-dd", "-1.5"), (1e10, "yyyy-mm-dd", "10000000000"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "form", "text"), NUMBERS)
def test_number_comes_out_as_people_wrote_it(value: Any, form: str | None, text: str) -> None:
    assert cells(by_openpyxl({"S": [[(value, form)]]})) == [[text]]


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("mmm-yy", NumberFormat(date=True)), ("m/d/yyyy", NumberFormat(date=True)),
        ("h:mm AM/PM", NumberFormat(time=True)), ("mm:ss.0", NumberFormat(time=True)),
        ("[mm]:ss", NumberFormat(elapsed=True)), ("[$-F800]dddd", NumberFormat(date=True)),
        ("[>=100]0.0;0", NumberFormat(decimals=1)), ("@", NumberFormat()), ("", NumberFormat()),
        ("_-* #,##0.00\\ [$€-407]_-", NumberFormat(decimals=2)), ('"', NumberFormat()),
        ("0.00E+00", NumberFormat(decimals=2)), ('"year" 0', NumberFormat()),
        ("# ?/?", NumberFormat()), ("[", NumberFormat()),
    ],
)  # fmt: skip
def test_format_codes(code: str, found: NumberFormat) -> None:
    assert NumberFormat.parse(code) == found


def test_days_may_count_from_1904() -> None:
    styles = '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs>'
    content = by_parts(
        '<row r="1"><c r="A1" s="1"><v>0</v></c></row>',
        styles=styles,
        main='<workbookPr date1904="1"/>',
    )
    assert cells(content) == [["1904-01-01"]]


@pytest.mark.parametrize(
    ("xml", "texts"),
    [
        ('<c r="A1"><v>1</v></c><c r="C1"><v>2</v></c>', ["1", "", "2"]),
        ("<c><v>1</v></c><c><v>2</v></c>", ["1", "2"]),
        ('<c r="A1"><v>1</v></c><c r="A1"><v>2</v></c>', ["2"]),
        ('<c r="A1" t="str"><f>A2&amp;"x"</f><v>a&lt;b</v></c>', ["a<b"]),
        ('<c r="A1" t="b"><v>1</v></c><c r="B1" t="b"><v>0</v></c>', ["TRUE", "FALSE"]),
        ('<c r="A1" t="e"><v>#N/A</v></c>', ["#N/A"]),
        ('<c r="A1" t="d"><v>2026-11-28T00:00:00</v></c>', ["2026-11-28"]),
        (
            '<c t="inlineStr"><is><r><t>a</t></r><r><t xml:space="preserve"> b</t></r></is></c>',
            ["a b"],
        ),
        (
            '<c t="inlineStr"><is><t>山</t><rPh sb="0" eb="1"><t>やま</t></rPh></is></c>',
            ["山"],
        ),
        (
            '<c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c>',
            ["rich text", "a\rb_x0041_\U0001f600"],
        ),
        ('<c r="A1" s="1"/><c r="B1" s="2"></c><c r="C1"><v/></c>', []),
        ('<c r="A1" t="x:y"><v>odd</v></c><c r="B1" s="99"><v>1.0</v></c>', ["odd", "1"]),
        ('<c r="A1"><v>not a number</v></c><c><v>nan</v></c>', ["not a number", "NAN"]),
        ('<x:c xmlns:x="u" r="A1"><x:v>7</x:v></x:c>', ["7"]),
    ],
)
def test_cells_as_the_standard_and_other_programs_write_them(xml: str, texts: list[str]) -> None:
    strings = (
        "<si><r><t>rich</t></r><r><t> text</t></r><rPh><t>no</t></rPh></si>"
        "<si><t>a_x000D_b_x005F_x0041__xD83D__xDE00_</t></si>"
    )
    assert cells(by_parts(f'<row r="2">{xml}</row>', strings)) == [[], texts]


def test_rows_without_a_number_or_with_one_twice_follow_each_other() -> None:
    cell = "<c><v>1</v></c>"
    content = by_parts(f'<row>{cell}</row><row r="3">{cell}</row><row r="3">{cell}</row>')
    assert cells(content) == [["1"], [], ["1"], ["1"]]


def test_first_sheet_that_is_not_hidden_is_read_and_a_notice_says_so() -> None:
    content = by_openpyxl(
        {"Draft": [["no"]], "Products": TABLE, "Notes": [["x"]]}, hidden=["Draft"]
    )
    with open_table(io.BytesIO(content)) as reader:
        assert next(reader).product == "Größe 日本"
        assert reader.notices == ("the workbook has 2 sheets; 'Products' was read",)
    assert write_csv(io.BytesIO(content), lambda _: None) == reader.notices


def test_sheet_may_be_named() -> None:
    content = by_openpyxl({"Notes": [["x"]], "Products ": TABLE})
    with open_table(io.BytesIO(content), sheet="products") as reader:
        assert next(reader).serial == "1"
        assert reader.notices == ()
    with pytest.raises(InputRefused, match="no sheet 'Prices'"):
        rows(content, sheet="Prices")
    with pytest.raises(InputRefused, match=r"the input is no \.xlsx file"):
        rows(as_csv(content), sheet="Products")


def test_formulas_that_no_program_has_calculated_are_told() -> None:
    content = by_openpyxl({"S": [HEADER, [1, "=A2", '=CONCAT("https://a/",A2)'], [2, "b", "x"]]})
    with open_table(io.BytesIO(content)) as reader:
        assert [(row.product, row.urls) for row in reader] == [("", ()), ("b", ("x",))]
        (notice,) = reader.notices
    assert notice.startswith("formulas that were never calculated count as empty (2 found)")
    assert write_csv(io.BytesIO(content), lambda _: None) == (notice,)
    calculated = by_parts(
        '<row><c><f>1+1</f><v>2</v></c><c t="str"><f>""</f><v></v></c><c t="s"><v>0</v></c></row>',
        "<si><t>x</t></si>",
    )
    assert write_csv(io.BytesIO(calculated), lambda _: None) == ()


def test_workbook_of_one_sheet_gives_no_notice() -> None:
    with open_table(io.BytesIO(by_xlsxwriter(TABLE))) as reader:
        list(reader)
        assert reader.notices == ()


def test_line_is_the_row_of_the_sheet_also_after_gaps_and_cells_of_many_lines() -> None:
    content = by_openpyxl(
        {"S": [HEADER, [], [1, "a\nb\nc", "https://a/1.jpg"], [], [2, "d", "n/a"], [3, "e", None]]}
    )
    found = rows(content)
    assert [row.line for row in found] == [3, 5, 6]
    assert [(p.line, p.column, p.text) for row in found for p in row.problems] == [
        (5, 3, "n/a"),
        (6, 3, ""),
    ]


def test_list_that_ran_on_into_further_cells_and_blank_cells_at_the_end() -> None:
    table = [
        [*HEADER, "Colour"],
        [1, "a", "https://a/1.jpg", "https://a/2.jpg", "red"],
        [2, "b", "https://a/3.jpg", "blue", None, None],
    ]
    content = by_openpyxl({"S": table})
    assert [(row.urls, row.extra) for row in rows(content)] == [
        (("https://a/1.jpg", "https://a/2.jpg"), ("red",)),
        (("https://a/3.jpg",), ("blue",)),
    ]


@settings(max_examples=40)
@given(st.lists(st.tuples(TEXT, TEXT, TEXT, TEXT), max_size=5))
def test_csv_of_a_workbook_reads_as_the_workbook_itself(table: list[tuple[str, ...]]) -> None:
    content = by_xlsxwriter([[*HEADER, "Own"], *table], inline=True)
    found = [(*row[:1], *row[2:7], len(row.problems)) for row in rows(content)]
    with io.BytesIO(as_csv(content)) as stream:
        assert [(*row[:1], *row[2:7], len(row.problems)) for row in open_rows(stream)] == found
    assert as_csv(content) == as_csv(content)


def test_header_of_a_workbook_is_refused_as_that_of_a_csv() -> None:
    content = by_openpyxl({"S": [["Nr", "Titel"], [1, 2]]})
    with pytest.raises(
        InputRefused, match=r"expected 'S\. No\.,Product Name,Input Image Urls'; if"
    ):
        rows(content)
    with pytest.raises(InputRefused, match="found 'Nr', 'Titel'"):
        rows(content, quote_header=True)
    with pytest.raises(InputRefused, match="the file is empty"):
        rows(by_openpyxl({"S": []}))


def test_csv_passes_as_it_is() -> None:
    text = b"S. No.,Product Name,Input Image Urls\r\n1,T\xfcr,https://a/1.jpg\r\n"
    assert as_csv(text) == text
    assert rows(text)[0].product == "Tür"
