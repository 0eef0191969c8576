"""What a request has left: failures and their retry, images before and after, and its webhook."""

from __future__ import annotations

import csv
import io
import re
import time

import pytest
from playwright.sync_api import Browser, Page, expect

from integration.page.scenes import HEAD
from integration.page.shop import Shop


@pytest.fixture(scope="module")
def done(shop: Shop) -> str:
    """The sample, which has ended and told the receiver so."""
    made = shop.upload(shop.sample(), "summer.csv", webhookUrl=shop.receiver.url)
    shop.wait(made)
    return made


def test_failures_are_grouped_with_advice_their_rows_and_their_csv(
    shop: Shop, page: Page, done: str
) -> None:
    page.goto(f"{shop.url}/requests/{done}")
    group = page.locator("#f-not_an_image")
    group.locator("summary").click()
    expect(group).to_contain_text("What to do:")
    expect(group).to_contain_text("Row 7, image 2")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV of these rows").click()
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert [row["S. No."] for row in rows] == ["6", "7"]
    group.get_by_role("link").click()
    expect(page.locator(".images-table tbody tr")).to_have_count(1)
    expect(page.get_by_label("Reason")).to_have_value("not_an_image")


def test_images_are_filtered_as_one_chooses(shop: Shop, page: Page, done: str) -> None:
    page.goto(f"{shop.url}/requests/{done}/images")
    rows = page.locator(".images-table tbody tr")
    expect(rows).to_have_count(11)
    page.get_by_label("State").select_option("failed")
    expect(rows).to_have_count(2)
    page.get_by_label("State").select_option("")
    page.get_by_label("Row").fill("5")
    expect(rows).to_have_count(2)
    output = page.get_by_role("link", name="Open the output").first
    with page.expect_response(re.compile(r"/files/.*\.jpg$")) as opened:
        page.evaluate("address => fetch(address)", output.evaluate("link => link.href"))
    assert opened.value.headers["content-type"] == "image/jpeg"


def test_failed_images_are_retried_and_the_report_covers_all_rows(shop: Shop, page: Page) -> None:
    good = (shop.photos / "small/05.jpg").read_bytes()
    later = shop.host.status("later.jpg", 503)
    text = HEAD + f"1,Cup,{shop.host.url('photos/small/01.jpg')}\n2,Mug,{later}\n"
    first = shop.upload(text, "retry.csv", retries="0")
    shop.wait(first)
    page.goto(f"{shop.url}/requests/{first}")
    expect(page.get_by_role("heading", name="1 image failed")).to_be_visible()
    shop.host.add("later.jpg", good)
    page.get_by_role("button", name="Retry 1 that may pass").click()
    expect(page).not_to_have_url(re.compile(first))
    expect(page.locator(".titled .badge")).to_have_text("Completed", timeout=60_000)
    expect(page.locator(".legend")).to_contain_text("Compressed 2")
    expect(page.get_by_role("heading", name="1 image failed")).to_have_count(0)


def test_the_slider_shows_both_at_real_resolution_with_their_bytes(
    shop: Shop, page: Page, done: str
) -> None:
    page.goto(f"{shop.url}/requests/{done}")
    slider = page.get_by_role("slider", name="How much is shown as it was before")
    before, after = page.locator(".layers img.before"), page.locator(".layers img.after")
    expect(page.locator(".compare")).to_have_text(re.compile(r"Before\d.*kB.*After\d.*kB"))
    for image in (before, after):
        image.evaluate("image => image.decode()")
    width = after.evaluate("image => image.naturalWidth")
    assert width == 2000
    assert page.locator(".layers").evaluate("layers => layers.offsetWidth") == width
    assert before.get_attribute("src") != after.get_attribute("src")

    clip = "image => getComputedStyle(image).clipPath"
    start = before.evaluate(clip)
    slider.focus()
    page.keyboard.press("End")
    assert before.evaluate(clip) != start
    page.get_by_role("button", name="Fit into the frame").click()
    stage = page.locator(".stage").evaluate("stage => stage.clientWidth")
    assert page.locator(".layers").evaluate("layers => layers.offsetWidth") <= stage
    page.get_by_role("button", name="Row 4").click()
    after.evaluate("image => image.decode()")
    expect(page.get_by_role("button", name="Row 4")).to_have_attribute("aria-pressed", "true")
    assert after.evaluate("image => image.naturalWidth") == 4000


def test_without_a_script_both_images_stand_side_by_side(
    shop: Shop, browser: Browser, done: str
) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{shop.url}/requests/{done}")
        expect(page.get_by_role("img", name="Row 1, image 1, before")).to_be_visible()
        expect(page.get_by_role("img", name="Row 1, image 1, after")).to_be_visible()


def test_the_webhook_tells_how_it_went(shop: Shop, page: Page, done: str) -> None:
    page.goto(f"{shop.url}/requests/{done}")
    webhook = page.get_by_role("region", name="Webhook")
    expect(webhook).to_contain_text("Delivered", timeout=20_000)
    expect(webhook.get_by_role("table", name="Attempts").get_by_role("row")).to_have_count(2)
    before = len(shop.receiver.events)
    webhook.get_by_role("button", name="Send it again").click()
    expect(page.locator("#said")).to_have_text("Done: Send it again")
    end = time.monotonic() + 30
    while len(shop.receiver.events) == before and time.monotonic() < end:
        time.sleep(0.2)
    (first, _), (again, _) = [e for e in shop.receiver.events if e[1]["data"]["requestId"] == done]
    assert first == again


def test_a_line_for_the_terminal_is_copied(shop: Shop, page: Page, done: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{shop.url}/requests/{done}")
    page.locator("#terminal > summary").click()
    page.get_by_role("button", name=re.compile("Copy: kubectl -n shop get imagebatch")).click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == f"kubectl -n shop get imagebatch {done} -o wide"


def test_a_deleted_request_leaves_the_list(shop: Shop, page: Page) -> None:
    made = shop.upload(HEAD + f"1,Cup,{shop.host.url('photos/small/01.jpg')}\n", "gone.csv")
    shop.wait(made)
    page.goto(f"{shop.url}/requests/{made}")
    page.locator("#delete > summary").click()
    page.get_by_role("button", name="Delete this request").click()
    expect(page).to_have_url(f"{shop.url}/")
    found = shop.kubectl("get", "imagebatch", made, "--ignore-not-found")
    assert found == ""
