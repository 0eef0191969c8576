"""The web page on a real cluster: upload, follow, failures, before and after, download, retry."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from hosttools.browser import find
from stack.sample import FAILURES, IMAGES, PRODUCTS, sample_csv
from stack.samplehost_manifests import SAMPLEHOST_URL
from stack.stack import Stack


@pytest.fixture
def page(stack: Stack) -> Iterator[Page]:
    """A tab of a browser; an error of a script fails the test."""
    errors: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find(), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        opened = browser.new_page(base_url=stack.gateway, locale="en-GB")
        opened.set_default_timeout(30_000)
        opened.on("pageerror", lambda error: errors.append(str(error)))
        yield opened
        browser.close()
    assert errors == []


def upload(page: Page, text: str, button: str) -> None:
    page.goto("/new")
    file = {"name": "summer.csv", "mimeType": "text/csv", "buffer": text.encode()}
    page.locator("input[type=file]").set_input_files(files=[file])  # type: ignore[list-item]
    page.get_by_role("button", name=button).click()
    expect(page).to_have_url(re.compile(r"/requests/[0-9a-f-]{36}$"))


def test_from_the_file_to_the_spreadsheet_and_a_retry(page: Page) -> None:
    upload(page, sample_csv(SAMPLEHOST_URL), f"Compress {IMAGES} images")
    badge = page.locator(".titled .badge")
    expect(badge).to_have_text("Completed", timeout=180_000)

    expect(page.get_by_role("heading", name=f"{FAILURES} images failed")).to_be_visible()
    expect(page.get_by_text("Address is not an image")).to_be_visible()
    expect(page.get_by_text("Host does not exist")).to_be_visible()
    with page.expect_download() as failed:
        page.get_by_role("link", name="CSV of these rows").click()
    rows = list(csv.DictReader(io.StringIO(failed.value.path().read_text())))
    assert [row["S. No."] for row in rows] == ["6", "7"]

    slider = page.get_by_role("slider", name="How much is shown as it was before")
    expect(slider).to_be_visible()
    before = page.locator(".layers img.before")
    expect(before).to_have_js_property("complete", True)
    assert before.evaluate("image => image.naturalWidth") > 0
    clip = before.evaluate("image => getComputedStyle(image).clipPath")
    slider.press("ArrowRight")
    assert before.evaluate("image => getComputedStyle(image).clipPath") != clip

    with page.expect_download() as download:
        page.get_by_role("link", name="Spreadsheet (CSV)").click()
    table = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert len(table) == PRODUCTS
    assert table[0]["Output Image Urls"].startswith("http")

    first = page.url
    page.get_by_role("button", name=re.compile("Retry 1 that may pass")).click()
    expect(page).not_to_have_url(first)
    expect(badge).to_have_text("Completed", timeout=180_000)
    expect(page.get_by_role("heading", name=f"{FAILURES} images failed")).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("Compressed"))).to_be_visible()


def test_counted_and_sampled_first_then_confirmed(page: Page) -> None:
    upload(page, sample_csv(SAMPLEHOST_URL), "Count and sample first")
    confirm = page.get_by_role("region", name="Ready, and waiting for you")
    expect(confirm).to_be_visible(timeout=120_000)
    expect(confirm).to_contain_text("about")
    page.get_by_role("button", name=f"Compress {IMAGES} images").click()
    expect(page.locator(".titled .badge")).to_have_text("Completed", timeout=180_000)
