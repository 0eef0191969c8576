"""From the file to the spreadsheet, as a catalogue manager does it, with a script and without."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from integration.page.shop import Shop


@pytest.fixture
def sample(shop: Shop, tmp_path: Path) -> Path:
    path = tmp_path / "summer.csv"
    path.write_text(shop.sample())
    return path


def test_a_file_is_checked_sent_followed_and_downloaded(
    shop: Shop, page: Page, sample: Path
) -> None:
    page.goto(shop.url)
    page.get_by_role("link", name="New request").last.click()
    page.get_by_label("Choose a CSV or Excel file").set_input_files(sample)
    checked = page.get_by_role("region", name="What is in the file")
    expect(checked).to_contain_text("Images11")
    page.get_by_text("WebP", exact=True).click()
    page.get_by_label("Quality").last.fill("70")
    expect(page.get_by_text("Fine details stay.")).to_be_visible()
    page.get_by_role("button", name="Compress 11 images").click()

    expect(page).to_have_url(re.compile(r"/requests/[0-9a-f-]{36}$"))
    # Nobody loads the page again: the events do.
    badge = page.locator(".titled .badge")
    expect(badge).to_have_text("Completed", timeout=60_000)
    expect(page.get_by_role("heading", name="2 images failed")).to_be_visible()
    expect(page.get_by_role("heading", name="summer.csv")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Spreadsheet (CSV)").click()
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert [row["S. No."] for row in rows] == [str(n) for n in range(1, 8)]
    assert rows[0]["Output Image Urls"].endswith(".webp")


def test_a_file_with_problems_shows_them_with_their_lines_before_it_is_sent(
    shop: Shop, page: Page, tmp_path: Path
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(
        "S. No.,Product Name,Input Image Urls\n1,A,n/a\n2,B,\n3,C,https://a.example/c.jpg\n"
    )
    page.goto(f"{shop.url}/new")
    page.get_by_label("Choose a CSV or Excel file").set_input_files(path)
    problems = page.get_by_role("table", name="Problems in rows")
    expect(problems.get_by_role("row").nth(1)).to_contain_text("n/a")
    expect(problems.get_by_role("row").nth(2)).to_contain_text("3")


def test_what_is_no_such_file_says_what_is_wrong_and_keeps_the_choices(
    shop: Shop, page: Page, tmp_path: Path
) -> None:
    path = tmp_path / "notes.csv"
    path.write_text("a,b\n1,2\n")
    page.goto(f"{shop.url}/new")
    page.get_by_text("AVIF", exact=True).click()
    page.get_by_label("Choose a CSV or Excel file").set_input_files(path)
    expect(page.get_by_role("alert")).to_contain_text("This file cannot be taken as it is")
    page.get_by_role("button", name="Compress the images").click()
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_role("radio", name=re.compile("AVIF"))).to_be_checked()


def test_a_large_file_passes_through_the_page(shop: Shop, page: Page) -> None:
    rows = "".join(
        f"{n},Cup {n},https://img.example/catalogue/{n:080}.jpg\n" for n in range(30_000)
    )
    text = "S. No.,Product Name,Input Image Urls\n" + rows
    assert len(text) > 3_000_000
    file = {"name": "large.csv", "mimeType": "text/csv", "buffer": text.encode()}
    page.goto(f"{shop.url}/new")
    page.locator("input[type=file]").set_input_files(files=[file])  # type: ignore[list-item]
    expect(page.locator("#checked")).to_contain_text("Images30,000", timeout=60_000)


def test_a_file_with_other_headers_is_read_by_the_columns_that_one_names(
    shop: Shop, page: Page
) -> None:
    text = f"Ref,Photo\n7,{shop.host.url('photos/small/01.jpg')}\n"
    file = {"name": "other.csv", "mimeType": "text/csv", "buffer": text.encode()}
    page.goto(f"{shop.url}/new")
    page.locator("input[type=file]").set_input_files(files=[file])  # type: ignore[list-item]
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("Columns of image addresses").fill("Photo")
    page.get_by_label("Columns of image addresses").press("Tab")
    expect(page.get_by_role("button", name="Compress 1 image")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
    page.get_by_role("button", name="Compress 1 image").click()
    expect(page.locator(".titled .badge")).to_have_text("Completed", timeout=60_000)


def test_without_javascript_everything_that_matters_works(
    shop: Shop, browser: Browser, sample: Path
) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{shop.url}/new")
        page.locator("input[type=file]").set_input_files(sample)
        page.get_by_role("button", name="Check the file first").click()
        expect(page.locator("#checked")).to_contain_text("11")
        page.locator("input[type=file]").set_input_files(sample)
        page.get_by_role("button", name="Compress the images").click()
        expect(page).to_have_url(re.compile(r"/requests/[0-9a-f-]{36}$"))
        shop.wait(page.url.rpartition("/")[2])
        page.reload()
        expect(page.locator(".titled .badge")).to_have_text("Completed")
        with page.expect_download() as download:
            page.get_by_role("link", name="Spreadsheet (CSV)").click()
        assert download.value.path().read_text().startswith("S. No.")
        page.goto(shop.url)
        page.get_by_label("Search by file, name or ID").fill("summer")
        page.get_by_role("button", name="Show").click()
        expect(page.get_by_role("table").get_by_role("link").first).to_have_text("summer.csv")
