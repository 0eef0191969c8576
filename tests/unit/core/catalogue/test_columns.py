"""Columns that a user names, and the exports of shops, which are recognised by their headers."""

from __future__ import annotations

import io

import pytest

from imagebatch_core.catalogue.exports import column_of_letter
from imagebatch_core.catalogue.rows import Row, RowReader, open_rows
from imagebatch_core.errors import InputRefused
from imagebatch_core.source_columns import SourceColumns, TableChoice, table_choice


def opened(text: str, chosen: TableChoice | None = None) -> RowReader:
    return open_rows(io.BytesIO(text.encode()), quote_header=True, chosen=chosen or TableChoice())


def read(text: str, chosen: TableChoice | None = None) -> list[Row]:
    return list(opened(text, chosen))


def told(row: Row) -> tuple[str, str, tuple[str, ...]]:
    return row.serial, row.product, row.urls


SHOPIFY = """Handle,Title,Body (HTML),Vendor,Image Src,Image Position,Variant SKU
lamp,Desk Lamp,<p>Bright</p>,Lux,https://cdn.example/lamp-1.jpg,1,L-1
lamp,,,,https://cdn.example/lamp-2.jpg,2,
lamp,,,,,,L-2
chair,Chair,,Wood,https://cdn.example/chair.jpg?v=1,1,C-1
"""
WOOCOMMERCE = """ID,Type,SKU,Name,Published,Images
11,variable,L,Desk Lamp,1,"https://shop.example/a.jpg, https://shop.example/b.jpg"
12,variation,L-1,Desk Lamp - red,1,
"""
ADOBE = """sku,store_view_code,name,base_image,additional_images
L-1,,Desk Lamp,/l/a/lamp.jpg,"/l/a/side.jpg,/l/a/back.jpg"
"""
GOOGLE = "id\ttitle\timage_link\tadditional_image_link\n7\tLamp\thttps://h/1.jpg\thttps://h/2.jpg,https://h/3.jpg\n"


def test_shopify_has_a_row_an_image_and_names_its_product_once() -> None:
    reader = opened(SHOPIFY)
    assert [told(row) for row in reader] == [
        ("1", "Desk Lamp", ("https://cdn.example/lamp-1.jpg",)),
        ("2", "Desk Lamp", ("https://cdn.example/lamp-2.jpg",)),
        ("3", "Desk Lamp", ()),
        ("4", "Chair", ("https://cdn.example/chair.jpg?v=1",)),
    ]
    assert reader.columns.extra == tuple(SHOPIFY.partition("\n")[0].split(","))
    [notice] = reader.notices
    assert notice == (
        "this is an export of Shopify: image URLs are read from 'Image Src', product names from "
        "'Title'"
    )


def test_rows_of_an_export_without_an_image_are_no_problem() -> None:
    assert [row.problem_count for row in read(SHOPIFY)] == [0, 0, 0, 0]
    assert [row.problem_count for row in read(WOOCOMMERCE)] == [0, 0]


def test_woocommerce_lists_all_images_of_a_product_in_one_cell() -> None:
    first, second = read(WOOCOMMERCE)
    assert told(first) == (
        "11", "Desk Lamp", ("https://shop.example/a.jpg", "https://shop.example/b.jpg")
    )  # fmt: skip
    assert told(second) == ("12", "Desk Lamp - red", ())
    images = "https://shop.example/a.jpg, https://shop.example/b.jpg"
    assert first.extra == ("11", "variable", "L", "Desk Lamp", "1", images)


def test_adobe_commerce_has_paths_below_the_base_address() -> None:
    base = TableChoice(base_url="https://shop.example/media/catalog/product/")
    [row] = read(ADOBE, base)
    media = "https://shop.example/media/catalog/product/l/a"
    assert told(row) == (
        "L-1", "Desk Lamp", (f"{media}/lamp.jpg", f"{media}/side.jpg", f"{media}/back.jpg")
    )  # fmt: skip
    assert row.problem_count == 0


def test_without_a_base_address_a_path_is_a_problem_of_its_row() -> None:
    [row] = read(ADOBE)
    assert [(one.line, one.column, one.text) for one in row.problems] == [
        (2, 4, "/l/a/lamp.jpg"), (2, 5, "/l/a/side.jpg"), (2, 5, "/l/a/back.jpg")
    ]  # fmt: skip


def test_google_merchant_is_read_with_its_tabs() -> None:
    [row] = read(GOOGLE)
    assert told(row) == ("7", "Lamp", ("https://h/1.jpg", "https://h/2.jpg", "https://h/3.jpg"))


TABLE = "Nr;Titel;Bild 1;Bild 2\n5;Lampe;https://h/1.jpg;https://h/2.jpg\n6;Stuhl;;\n"


@pytest.mark.parametrize("names", [["Bild 2", "Bild 1"], ["bild2", "bild 1"], ["D", "c"]])
def test_columns_are_named_by_header_or_letter_in_the_order_of_their_images(
    names: list[str],
) -> None:
    columns = SourceColumns(image_urls=names, product_name="Titel", serial_number="A")
    reader = opened(TABLE, table_choice(columns, None))
    assert [told(row) for row in reader] == [
        ("5", "Lampe", ("https://h/2.jpg", "https://h/1.jpg")),
        ("6", "Stuhl", ()),
    ]
    [notice] = reader.notices
    assert notice == (
        "image URLs are read from 'Bild 2', 'Bild 1', product names from 'Titel', serial numbers "
        "from 'Nr'"
    )


def test_only_the_urls_are_required() -> None:
    [row] = read("Image Urls\nhttps://h/1.jpg\n")
    assert told(row) == ("1", "", ("https://h/1.jpg",))


def test_a_file_without_such_columns_is_refused_with_its_header_and_the_field_to_set() -> None:
    with pytest.raises(InputRefused, match=r"found 'Nr', 'Titel'.*spec\.source\.columns"):
        opened(TABLE)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["Foto"], "no column 'Foto', found 'Nr', 'Titel'"),
        (["E"], "no column 'E'"),
        (["A", "Titel", "AAA"], "no column 'AAA'"),
    ],
)
def test_a_named_column_that_is_not_there_is_refused(names: list[str], words: str) -> None:
    with pytest.raises(InputRefused, match=words):
        opened(TABLE, TableChoice(tuple(names)))


def test_a_name_that_is_there_twice_is_to_be_given_by_its_letter() -> None:
    text = "Pic,Pic\nhttps://h/1.jpg,https://h/2.jpg\n"
    with pytest.raises(InputRefused, match="'Pic' is there twice; name it by its letter"):
        opened(text, TableChoice(("Pic",)))
    [row] = read(text, TableChoice(("B", "A")))
    assert row.urls == ("https://h/2.jpg", "https://h/1.jpg")


def test_the_report_of_an_export_can_be_an_input_again() -> None:
    header, first, *_ = SHOPIFY.splitlines()
    report = f"S. No.,Product Name,Input Image Urls,Output Image Urls,{header},Error\n"
    report += f"1,Desk Lamp,https://cdn.example/lamp-1.jpg,https://out/1.jpg,{first},\n"
    reader = opened(report)
    assert [told(row) for row in reader] == [
        ("1", "Desk Lamp", ("https://cdn.example/lamp-1.jpg",))
    ]
    assert reader.columns.extra == tuple(header.split(","))


@pytest.mark.parametrize(
    ("entry", "address"),
    [
        ("a.jpg", "https://h/media/a.jpg"),
        ("/a.jpg", "https://h/media/a.jpg"),
        ("//cdn.example/a.jpg", "https://cdn.example/a.jpg"),
        ("https://other/a.jpg", "https://other/a.jpg"),
        ("s3://bucket/a.jpg", "s3://bucket/a.jpg"),
    ],
)
def test_a_base_address_is_put_before_paths_alone(entry: str, address: str) -> None:
    [row] = read(f"Image Urls\n{entry}\n", TableChoice(base_url="https://h/media"))
    assert row.urls == (address,)


@pytest.mark.parametrize(
    ("text", "column"), [("A", 0), ("z", 25), ("AA", 26), ("ab", 27), ("ABCD", None), ("A1", None)]
)
def test_letters_count_as_in_a_spreadsheet(text: str, column: int | None) -> None:
    assert column_of_letter(text) == column
