"""Claims about splitting the text of a cell into the addresses of images."""

from __future__ import annotations

import io
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagebatch_core.catalogue.rows import Row, open_rows
from imagebatch_core.catalogue.url_list import is_address, split_list, split_plain

HEADER = "S. No.,Product Name,Input Image Urls"
A1, A2, A3 = "https://a/1.jpg", "https://a/2.jpg", "https://a/3.jpg"
CLOUDINARY = "https://res.cloudinary.com/demo/image/upload/w_300,h_300,c_fill/f_auto,q_auto/a.jpg"
FETCHED = "https://res.cloudinary.com/demo/image/fetch/w_300,h_300/https://shop.example/a.png"
WIX = "https://static.wixstatic.com/media/11_a~mv2.jpg/v1/fill/w_600,h_400,al_c,q_80/file.jpg"
IMGIX = "https://shop.imgix.net/a.jpg?rect=0,0,600,400&w=300"
THUMBOR = "https://t.example/filters:watermark(https://shop.example/logo.png,-10,-10,50)/a.jpg"

#: What it shows → text of the cell, its entries; those in ``NO_ADDRESSES`` are row problems.
FORMS: dict[str, tuple[str, list[str]]] = {
    "one": (A1, [A1]),
    "comma": ("https://a/1.jpg,https://a/2.jpg", [A1, A2]),
    "comma and space": ("https://a/1, http://a/2", ["https://a/1", "http://a/2"]),
    "semicolon": ("https://a/1.jpg;https://a/2.jpg", [A1, A2]),
    "pipe": ("https://a/1.jpg|https://a/2.jpg", [A1, A2]),
    "pipe between spaces": ("https://a/1 | https://a/2", ["https://a/1", "https://a/2"]),
    "white space": (f"{A1} {A2}\t{A3}", [A1, A2, A3]),
    "no-break space": ("https://a/1\xa0https://a/2", ["https://a/1", "https://a/2"]),
    "lines": (f"{A1}\n{A2}\r\n{A3}\r{WIX}", [A1, A2, A3, WIX]),
    "comma and line": ("https://a/1,\nhttps://a/2,\r\n", ["https://a/1", "https://a/2"]),
    "empty parts": (",, https://a/1.jpg,, ,https://a/2.jpg ,;| ", [A1, A2]),
    "nothing but separators": (" ,;|\r\n\t", []),
    "capitals": ("HTTPS://A/1.JPG,Http://a/2", ["HTTPS://A/1.JPG", "Http://a/2"]),
    "bucket": ("s3://b/1.jpg,s3://b/a, b.jpg", ["s3://b/1.jpg", "s3://b/a, b.jpg"]),
    "Cloudinary": (CLOUDINARY, [CLOUDINARY]),
    "two of Cloudinary": (f"{CLOUDINARY},{CLOUDINARY}", [CLOUDINARY, CLOUDINARY]),
    "Cloudinary fetches another address": (FETCHED, [FETCHED]),
    "Wix": (f"{WIX}, {WIX}", [WIX, WIX]),
    "imgix": (f"{IMGIX},{IMGIX}", [IMGIX, IMGIX]),
    "Thumbor": (f"{THUMBOR},https://a/1.jpg", [THUMBOR, A1]),
    "commas in a row": ("https://a/x,,y,z/1.jpg", ["https://a/x,,y,z/1.jpg"]),
    "spaces after commas": ("https://a/w_3, h_3/1.jpg", ["https://a/w_3, h_3/1.jpg"]),
    "space in a name": ("https://a/my photo.jpg,https://a/2.jpg", ["https://a/my photo.jpg", A2]),
    "pipe in an address": ("https://a/1.jpg?t=a|b,https://a/2|3.jpg", ["https://a/1.jpg?t=a|b", "https://a/2|3.jpg"]),
    "semicolon in an address": ("https://a/1.jpg;v=2?a=1;b=2", ["https://a/1.jpg;v=2?a=1;b=2"]),
    "comma in a query": ("https://a/get?ids=1,2,3", ["https://a/get?ids=1,2,3"]),
    "address in a query": ("https://a/p?u=https://b/1.jpg", ["https://a/p?u=https://b/1.jpg"]),
    "n/a after an image": ("https://a/1.jpg,n/a", [A1, "n/a"]),
    "n/a between images": ("https://a/1.JPEG,n/a,https://a/2.jpg", ["https://a/1.JPEG", "n/a", A2]),
    "n/a first": ("n/a,https://a/1.jpg", ["n/a", A1]),
    "words alone": ("discontinued", ["discontinued"]),
    "words after Cloudinary": (f"{CLOUDINARY},sold out, sorry", [CLOUDINARY, "sold out", "sorry"]),
    "words on a line of their own": ("https://a/get?id=1\nn/a", ["https://a/get?id=1", "n/a"]),
    "n/a after a longer extension": ("https://a/1.tiff,n/a", ["https://a/1.tiff", "n/a"]),
    "n/a after another image": ("https://a/1.svg,n/a", ["https://a/1.svg", "n/a"]),
    "another scheme": ("https://a/x,ftp://b/2.jpg", ["https://a/x", "ftp://b/2.jpg"]),
    "another scheme first": (f"ftp://b/w_1,h_1/2.jpg,{A1}", ["ftp://b/w_1,h_1/2.jpg", A1]),
    "data": ("data:image/png;base64,iVBO,https://a/1", ["data:image/png;base64,iVBO", "https://a/1"]),
    "without a scheme": ("www.shop.example/1.jpg", ["www.shop.example/1.jpg"]),
    "names of files": ("1.jpg, photos/2.jpg,,3.jpg", ["1.jpg", "photos/2.jpg", "3.jpg"]),
}  # fmt: skip
NO_ADDRESSES = {
    "n/a", "discontinued", "sold out", "sorry", "ftp://b/2.jpg", "ftp://b/w_1,h_1/2.jpg",
    "data:image/png;base64,iVBO", "www.shop.example/1.jpg", "1.jpg", "photos/2.jpg", "3.jpg",
}  # fmt: skip


def one_row(line: str, *, files: bool = False) -> Row:
    (row,) = open_rows(io.BytesIO(f"{HEADER}\n{line}\n".encode()), files=files)
    return row


@pytest.mark.parametrize("form", FORMS)
def test_quoted_list_is_split_where_the_next_address_begins(form: str) -> None:
    text, entries = FORMS[form]
    row = one_row(f'1,Cat,"{text}"')
    assert list(row.urls) == entries
    assert row.listed == text
    problems = [problem.text for problem in row.problems]
    assert problems == ([e for e in entries if e in NO_ADDRESSES] if entries else [""])


@pytest.mark.parametrize("form", [form for form in FORMS if not set("\r\n") & set(FORMS[form][0])])
def test_unquoted_list_that_runs_on_into_further_fields_reads_the_same(form: str) -> None:
    text, entries = FORMS[form]
    row = one_row(f"1,Cat,{text}")
    assert list(row.urls) == entries
    assert [problem.text for problem in row.problems] == [
        problem.text for problem in one_row(f'1,Cat,"{text}"').problems
    ]


@pytest.mark.parametrize("form", FORMS)
def test_list_as_the_report_repeats_it_is_split_the_same_way(form: str) -> None:
    text, entries = FORMS[form]
    for line in (f'1,Cat,"{text}"', f"1,Cat,{text}"):
        if not set("\r\n") & set(line):
            assert [entry.text for entry in split_list(one_row(line).listed)] == entries


@pytest.mark.parametrize(("delimiter", "first", "second"), [
    (";", "https://a/1;v=2/b,c.jpg", "https://a/2"),
    (";", A1, A2),
    ("\t", A1, A2),
    ("\t", "https://a/1,2 3|4;5", "n/a"),
])  # fmt: skip
def test_list_that_runs_on_at_another_delimiter_keeps_every_character(
    delimiter: str, first: str, second: str
) -> None:
    line = delimiter.join(("1", "Cat", first, second))
    content = f"{HEADER.replace(',', delimiter)}\n{line}\n"
    (row,) = open_rows(io.BytesIO(content.encode()))
    assert row.urls == (first, second)
    assert tuple(entry.text for entry in split_list(row.listed)) == row.urls


def test_problem_names_line_column_and_text_of_what_is_no_address() -> None:
    rows = list(
        open_rows(
            io.BytesIO(
                f"{HEADER},SKU\n1,Cat,https://a/1.jpg,X\n"
                '2,"Dog\nand puppy",https://a/2.jpg,https://a/3.jpg,n/a,https://a/4.jpg,ftp://b,X\n'
                '3,Cow,"https://a/5.jpg,n/a",X\n4,Owl,,X\n'.encode()
            )
        )
    )
    assert [(p.line, p.column, p.text) for row in rows for p in row.problems] == [
        (3, 5, "n/a"),
        (3, 7, "ftp://b"),
        (5, 3, "n/a"),
        (6, 3, ""),
    ]
    told = rows[1].problems[0].problem
    assert told == "'n/a' is no address of an image: it must begin with https://, http:// or s3://"
    assert rows[3].problems[0].problem == "no image URL in this row"


def test_field_that_is_quoted_and_holds_the_delimiter_does_not_shift_columns() -> None:
    row = one_row('1,Cat,"https://a/w_1,h_1/1.jpg","https://a/2.jpg,https://a/3.jpg",n/a')
    assert [(p.column, p.text) for p in row.problems] == [(5, "n/a")]
    assert len(row.urls) == 4


def test_first_hundred_problems_of_a_row_are_told_and_all_are_counted() -> None:
    row = one_row(f"1,Cat,{','.join(['n/a'] * 1000)}")
    assert (len(row.urls), len(row.problems), row.problem_count) == (1000, 100, 1000)
    assert [problem.column for problem in row.problems] == list(range(3, 103))


def test_long_text_is_cut_in_a_problem() -> None:
    (problem,) = one_row(f"1,Cat,{'x' * 5000}").problems
    assert len(problem.text) == 200
    assert len(problem.problem) < 200


def test_names_of_files_are_no_problem_where_files_are_taken() -> None:
    row = one_row("1,Cat,photos/a b.jpg,2.jpg,file:///c.jpg,https://a/4.jpg,ftp://b", files=True)
    assert row.urls == ("photos/a b.jpg", "2.jpg", "file:///c.jpg", "https://a/4.jpg", "ftp://b")
    assert [problem.text for problem in row.problems] == ["ftp://b"]


PIECE = st.sampled_from(
    [
        "https://a/1",
        "http://b/2.jpg",
        "s3://c/d",
        "ftp://e",
        "n/a",
        "w_1",
        ".png",
        *"():,;| \n\r\t\xa0",
    ]
)


@given(st.lists(PIECE, max_size=12).map("".join), st.sampled_from([",", ";", "\n"]))
def test_the_short_way_for_plain_lists_gives_the_same(text: str, separator: str) -> None:
    addresses = split_plain(text, separator)
    if addresses is not None:
        assert addresses == [entry.text for entry in split_list(text)]
        assert all(is_address(address, files=False) for address in addresses)


@given(st.lists(PIECE, max_size=12).map("".join) | st.text(max_size=40))
def test_entries_stand_in_the_text_in_their_order_and_nothing_else_is_lost(text: str) -> None:
    rest, end = "", 0
    for entry in split_list(text):
        assert entry.text == text[entry.start : entry.start + len(entry.text)]
        assert entry.text.strip(",;|") == entry.text.strip()
        assert entry.start >= end
        rest += text[end : entry.start]
        end = entry.start + len(entry.text)
    assert not (rest + text[end:]).translate(dict.fromkeys(map(ord, ",;|"))).strip()


@pytest.mark.slow
@pytest.mark.parametrize("text", [
    "," * 1_000_000, "|\n" * 500_000, " " * 1_000_000, "https://a/" + ",b" * 500_000,
    "https://a/" + ",b.jpg" * 150_000, "a," * 500_000, " a" * 500_000, "," + "a" * 1_000_000,
    ";https://" * 100_000, "(" * 1_000_000,
])  # fmt: skip
def test_long_cells_are_split_in_linear_time(text: str) -> None:
    begin = time.process_time()
    for _ in split_list(text):
        pass
    assert time.process_time() - begin < 5
