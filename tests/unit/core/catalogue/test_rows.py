"""Claims about reading the product CSV."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagebatch_core.catalogue.rows import Row, open_rows
from imagebatch_core.errors import InputRefused

HEADER = "S. No.,Product Name,Input Image Urls"


def rows(text: str | bytes) -> list[Row]:
    return list(open_rows(io.BytesIO(text.encode() if isinstance(text, str) else text)))


def test_quoted_and_unquoted_lists_read_the_same() -> None:
    quoted = rows(f'{HEADER}\n1,Cat,"http://a/1,http://a/2"\n')
    unquoted = rows(f"{HEADER}\n1,Cat,http://a/1,http://a/2\n")
    assert quoted == unquoted
    assert quoted[0].urls == ("http://a/1", "http://a/2")


def test_a_surplus_belongs_to_the_urls_and_own_columns_stay_in_place() -> None:
    reader = open_rows(
        io.BytesIO(
            b"Colour,S. No.,Product Name,Input Image Urls,Size\nred,1,Cat,http://a,http://b,XL\n"
        )
    )
    assert reader.columns.extra == ("Colour", "Size")
    (row,) = reader
    assert (row.serial, row.urls, row.extra) == ("1", ("http://a", "http://b"), ("red", "XL"))


def test_blank_fields_that_a_spreadsheet_pads_rows_with_push_no_own_column_into_the_urls() -> None:
    reader = open_rows(
        io.BytesIO(
            b"S. No.,Product Name,Input Image Urls,SKU,,\n1,Cat,http://a,X1,,\n"
            b"2,Dog,http://a,http://b,X2,,\n3,Cow,http://a,http://b,,,\n4,Owl,http://a,X4\n"
        )
    )
    assert [(row.urls, row.extra) for row in reader] == [
        (("http://a",), ("X1",)),
        (("http://a", "http://b"), ("X2",)),
        (("http://a", "http://b"), ("",)),
        (("http://a",), ("X4",)),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_urls_in_a_cell_may_stand_on_lines_of_their_own(end: str) -> None:
    (row,) = rows(f'{HEADER}\n1,Cat,"http://a/1{end}http://a/2,{end}http://a/3"\n')
    assert row.urls == ("http://a/1", "http://a/2", "http://a/3")


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_may_be_told_as_excel_is_told(delimiter: str, mark: str) -> None:
    lines = [HEADER, '1,Cat,"http://a/1,http://a/2"']
    body = "\r\n".join(line.replace(",", delimiter, 2) for line in lines)
    reader = open_rows(io.BytesIO(f"{mark}sep={delimiter}\r\n{body}".encode()))
    assert [(row.line, row.product, row.urls) for row in reader] == [
        (3, "Cat", ("http://a/1", "http://a/2"))
    ]


def test_no_second_column_of_urls_is_left_out_without_a_word() -> None:
    with pytest.raises(InputRefused, match="'Input Image Urls' is there twice; write all"):
        rows(f"{HEADER},input image urls\n1,Cat,http://a/1,http://a/2\n")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_encodings_line_ends_and_delimiters_make_no_difference(
    encoding: str, newline: str, delimiter: str
) -> None:
    lines = [HEADER.replace(",", delimiter), delimiter.join(("1", "Tür", "http://a/1"))]
    (row,) = rows((newline.join(lines) + newline).encode(encoding))
    assert (row.serial, row.product, row.urls) == ("1", "Tür", ("http://a/1",))


@pytest.mark.parametrize(
    "header",
    [
        "s.no.,PRODUCT NAME,input image urls",
        "Serial Number, Product  Name ,Input Image URLs",
        "S. No.,Product Name,Input Image Url",
    ],
)
def test_header_variants_are_accepted(header: str) -> None:
    assert rows(f"{header}\n1,Cat,http://a\n")[0].urls == ("http://a",)


def test_lines_and_numbers_count_what_a_person_counts() -> None:
    found = rows(f'{HEADER}\n1,"two\nlines",http://a\n,,\n2,B,\n')
    assert [(row.number, row.line, not row.problems) for row in found] == [
        (1, 2, True),
        (2, 5, False),
    ]


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "empty"), (b"a,b,c\n1,2,3\n", "no column has")]
)
def test_file_without_the_header_is_refused_with_the_one_expected(
    content: bytes, words: str
) -> None:
    with pytest.raises(InputRefused, match=words) as caught:
        rows(content)
    assert HEADER in str(caught.value)


@pytest.mark.parametrize(
    "header", ["secret=hunter2,b,c", "S. No.,Product Name,§Image-URL§,image url"]
)
def test_header_that_is_refused_is_quoted_to_who_sent_it_and_to_nobody_else(header: str) -> None:
    def told(*, quote_header: bool) -> str:
        with pytest.raises(InputRefused) as caught:
            open_rows(io.BytesIO(header.encode()), quote_header=quote_header)
        return str(caught.value)

    shown, hidden = told(quote_header=True), told(quote_header=False)
    for word in ("secret", "hunter2", "§"):
        assert word not in hidden
        assert (word in shown) is (word in header)
    assert "Input Image Urls" in hidden


def test_a_report_may_be_an_input_again_and_its_own_columns_are_left_out() -> None:
    reader = open_rows(
        io.BytesIO(
            b"S. No.,Product Name,Input Image Urls,Output Image Urls,Colour,Error\n"
            b'1,Cat,"http://a/1,http://a/2","images/1,",red,2: timeout\n'
        )
    )
    assert reader.columns.extra == ("Colour",)
    (row,) = reader
    assert (row.urls, row.extra) == (("http://a/1", "http://a/2"), ("red",))


def test_a_column_of_the_users_own_that_is_called_error_is_kept() -> None:
    reader = open_rows(io.BytesIO(f"{HEADER},Error\n1,Cat,http://a,mine\n".encode()))
    assert (reader.columns.extra, next(reader).extra) == (("Error",), ("mine",))


@pytest.mark.parametrize(
    ("body", "line"),
    [('1,A,http://a\n2,"B,http://b\n', 3), ('1,"A"x,http://a\n', 2)],
)
def test_a_broken_quote_is_refused_with_its_line(body: str, line: int) -> None:
    with pytest.raises(InputRefused) as caught:
        rows(f"{HEADER}\n{body}")
    assert caught.value.line == line


CELL = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=20)


@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=20))
def test_any_text_in_cells_comes_back(cells: list[tuple[str, str]]) -> None:
    import csv

    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(HEADER.split(","))
    writer.writerows([serial, product, "http://a/1"] for serial, product in cells)
    found = rows(out.getvalue())
    assert [(r.serial, r.product) for r in found] == cells


@given(st.binary(max_size=300))
def test_no_bytes_cause_anything_but_a_refusal(content: bytes) -> None:
    try:
        rows(content)
    except InputRefused:
        return
