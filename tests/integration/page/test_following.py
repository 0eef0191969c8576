"""A request that runs: followed by many tabs, changed by its page, and by the keyboard alone."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import APIResponse, Browser, Page, Route, expect

from integration.page.scenes import HEAD
from integration.page.shop import Shop

TABS = 7
# Write down each number of pods at once that the page shows from now on.
_NOTE_PODS = """changes => {
  for (const { target } of changes)
    if (target.name === "parallelism") (window.pods ??= []).push(target.getAttribute("value"));
}"""
_LIVE = "document.getElementById('live')"
_ALL = "{ subtree: true, attributes: true, attributeFilter: ['value'] }"


def slow(shop: Shop, name: str, images: int, seconds: float = 2) -> str:
    """A request whose images take their time."""
    data = (shop.photos / "small/03.jpg").read_bytes()
    urls = [shop.host.slow(f"{name}/{n}.jpg", data, seconds) for n in range(images)]
    rows = "".join(f"{n},Mug {n},{url}\n" for n, url in enumerate(urls))
    return shop.upload(HEAD + rows, f"{name}.csv", imagesPerShard=str(max(1, images // 2)))


def eventually(found: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not found():
        assert time.monotonic() < end
        time.sleep(0.2)


def streams(shop: Shop, request_id: str) -> int:
    """Streams of its events that have ended, as the gateway's log has them."""
    lines = (json.loads(line) for line in shop.gateway.log().splitlines() if line[:1] == "{")
    return sum(line.get("path") == f"/api/requests/{request_id}/events" for line in lines)


def test_seven_tabs_follow_a_request_by_one_stream(shop: Shop, browser: Browser) -> None:
    request_id = slow(shop, "tabs", 120)
    with browser.new_context() as context:
        pages = [context.new_page() for _ in range(TABS)]
        for page in pages:
            page.goto(f"{shop.url}/requests/{request_id}")
        for page in pages:
            expect(page.locator(".big data").first).not_to_have_text("0", timeout=30_000)
        # With a stream for each, six connections would be taken, and nothing else would load.
        pages[0].goto(shop.url)
        expect(pages[0].get_by_role("link", name="tabs.csv")).to_be_visible()
        shop.http.patch(f"/api/requests/{request_id}", json={"cancel": True})
        for page in pages[1:]:
            expect(page.locator(".titled .badge")).to_have_text("Cancelled", timeout=60_000)
    assert streams(shop, request_id) == 1


def test_tabs_of_seven_requests_leave_connections_for_the_rest(
    shop: Shop, browser: Browser
) -> None:
    shop.pods.hold()
    made = [slow(shop, f"many-{n}", 2) for n in range(TABS)]
    try:
        with browser.new_context() as context:
            pages = [context.new_page() for _ in made]
            for page, request_id in zip(pages, made, strict=True):
                page.goto(f"{shop.url}/requests/{request_id}")
            context.new_page().goto(f"{shop.url}/new")
            for request_id in made:
                shop.http.patch(f"/api/requests/{request_id}", json={"cancel": True})
            for page in pages:
                expect(page.locator(".titled .badge")).to_have_text("Cancelled", timeout=60_000)
    finally:
        shop.pods.release()


def test_a_request_is_paused_resumed_and_cancelled_from_its_page(shop: Shop, page: Page) -> None:
    request_id = slow(shop, "changed", 80)
    page.goto(f"{shop.url}/requests/{request_id}")
    badge = page.locator(".titled .badge")
    expect(badge).to_have_text("Running", timeout=30_000)
    expect(page.locator("[data-pace]")).to_contain_text("left", timeout=30_000)
    page.get_by_role("button", name="Pause").click()
    expect(badge).to_have_text("Paused", timeout=30_000)
    page.get_by_label("Pods at once").fill("7")
    page.get_by_label("Pods at once").press("Enter")
    expect(page.locator("#said")).to_have_text("Done: Set")
    assert shop.status(request_id)["parallelism"] == 7
    page.get_by_label("Priority").fill("-20")
    page.get_by_label("Priority").press("Enter")
    expect(page.get_by_label("Priority")).to_have_value("-20")
    eventually(lambda: shop.status(request_id)["priority"] == -20)
    page.get_by_role("button", name="Resume").click()
    expect(badge).to_have_text("Running", timeout=30_000)
    page.get_by_text("Cancel…").click()
    page.get_by_role("button", name="Cancel this request").click()
    expect(badge).to_have_text("Cancelled", timeout=60_000)
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)


def ask_for_too_many_pods(page: Page) -> None:
    """Send what the field itself refuses; in one step, for each version brings its limit back."""
    page.get_by_label("Pods at once").evaluate("""field => {
        field.removeAttribute("max");
        field.value = "5000";
        field.form.requestSubmit(field.form.querySelector("button"));
    }""")


def refuse(page: Page) -> None:
    """Ask for more pods than there may be, and see why that is refused."""
    ask_for_too_many_pods(page)
    alert = page.get_by_role("alert")
    expect(alert).to_be_focused(timeout=30_000)
    expect(alert).to_contain_text("parallelism")


@pytest.fixture
def running(shop: Shop) -> Iterator[str]:
    """A request that runs during the test."""
    request_id = slow(shop, "running", 80)
    yield request_id
    shop.http.patch(f"/api/requests/{request_id}", json={"cancel": True})


def address_of_images(page: Page) -> str:
    """Return where the link to the request's images leads."""
    link = page.get_by_role("link", name="Images", exact=True)
    return str(link.evaluate("link => link.href"))


def test_why_a_change_is_refused_stays_until_the_next_change(
    shop: Shop, page: Page, running: str
) -> None:
    page.goto(f"{shop.url}/requests/{running}")
    refuse(page)
    # Newer versions of the page know nothing of it.
    for priority in (-5, -6):
        shop.http.patch(f"/api/requests/{running}", json={"priority": priority})
        expect(page.get_by_label("Priority")).to_have_attribute("value", str(priority))
        expect(page.get_by_role("alert")).to_be_focused()
    page.get_by_label("Pods at once").fill("3")
    page.get_by_label("Pods at once").press("Enter")
    expect(page.locator("#said")).to_have_text("Done: Set")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_version_from_before_a_change_is_not_shown_after_it(
    shop: Shop, page: Page, running: str
) -> None:
    address = f"{shop.url}/requests/{running}"
    page.goto(address)
    held: list[tuple[Route, APIResponse]] = []

    def hold_first(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append((route, route.fetch()))

    page.route(address, hold_first)
    shop.http.patch(f"/api/requests/{running}", json={"priority": -5})
    # Playwright calls hold_first only while something of the page is waited for.
    eventually(lambda: page.wait_for_timeout(100) is None and bool(held))
    page.get_by_label("Pods at once").fill("7")
    page.get_by_label("Pods at once").press("Enter")
    expect(page.get_by_label("Pods at once")).to_have_attribute("value", "7")
    page.evaluate(f"new MutationObserver({_NOTE_PODS}).observe({_LIVE}, {_ALL})")
    route, response = held[0]
    route.fulfill(response=response)
    shop.http.patch(f"/api/requests/{running}", json={"priority": -6})
    expect(page.get_by_label("Priority")).to_have_attribute("value", "-6")
    assert page.evaluate("window.pods ?? []") == []


def test_below_a_path_of_a_proxy_the_links_lead_there_after_a_refused_change(
    shop: Shop, page: Page, running: str
) -> None:
    below = f"{shop.url}/shop/images/"

    def proxy(route: Route) -> None:
        asked = route.request.url.replace(below, f"{shop.url}/")
        route.fulfill(response=route.fetch(url=asked, max_redirects=0))

    page.route(re.compile(f"^{re.escape(below)}"), proxy)
    page.goto(f"{below}requests/{running}")
    refuse(page)
    assert address_of_images(page) == f"{below}requests/{running}/images"


def test_a_form_that_was_sent_before_the_scripts_ran_leads_to_a_page_that_lives(
    shop: Shop, page: Page, running: str
) -> None:
    address = f"{shop.url}/requests/{running}"
    page.goto(address)
    page.evaluate("addEventListener('submit', event => event.stopPropagation(), true)")
    ask_for_too_many_pods(page)
    expect(page.get_by_role("alert")).to_contain_text("parallelism", timeout=30_000)
    expect(page).to_have_url(address)
    shop.http.patch(f"/api/requests/{running}", json={"priority": -5})
    expect(page.get_by_label("Priority")).to_have_attribute("value", "-5")
    expect(page.get_by_role("alert")).to_contain_text("parallelism")
    assert address_of_images(page) == f"{address}/images"


def test_a_request_is_counted_first_and_goes_on_once_it_is_confirmed(
    shop: Shop, page: Page
) -> None:
    page.goto(f"{shop.url}/new")
    text = HEAD + f"1,Cup,{shop.host.url('photos/small/01.jpg')}\n"
    file = {"name": "cup.csv", "mimeType": "text/csv", "buffer": text.encode()}
    page.locator("input[type=file]").set_input_files(files=[file])  # type: ignore[list-item]
    page.get_by_role("button", name="Count and sample first").click()
    expect(page.get_by_role("heading", name="Ready, and waiting for you")).to_be_visible(
        timeout=40_000
    )
    confirm = page.get_by_role("region", name="Ready, and waiting for you")
    expect(confirm).to_contain_text("Size after, about")
    expect(confirm).to_contain_text("Time, about")
    page.get_by_role("button", name="Compress 1 image").click()
    expect(page.locator(".titled .badge")).to_have_text("Completed", timeout=60_000)


def test_the_keyboard_alone_finds_a_request_and_leaves_its_folds_open(
    shop: Shop, page: Page
) -> None:
    request_id = shop.upload(shop.sample(), "keyboard.csv")
    shop.wait(request_id)
    page.goto(shop.url)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("keyboard")
    rows = page.locator(".requests tbody tr")
    expect(rows).to_have_count(1)
    expect(page).to_have_url(re.compile("q=keyboard"))
    link = page.get_by_role("link", name="keyboard.csv")
    for _ in range(6):
        page.keyboard.press("Tab")
        if link.evaluate("link => link === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(request_id))
    summary = page.locator("#f-not_an_image > summary")
    summary.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#f-not_an_image .advice")).to_be_visible()


def test_the_list_follows_what_happens_and_tells_it_aloud(shop: Shop, page: Page) -> None:
    page.goto(f"{shop.url}/?q=news")
    expect(page.get_by_text("No request matches.")).to_be_visible()
    request_id = shop.upload(HEAD + f"1,Cup,{shop.host.url('photos/small/02.jpg')}\n", "news.csv")
    shop.wait(request_id)
    expect(page.locator(".requests .badge")).to_have_text("Completed", timeout=20_000)
    expect(page.locator("#said")).to_contain_text("news.csv: Completed")


def test_numbers_and_times_are_the_readers(shop: Shop, browser: Browser) -> None:
    request_id = shop.upload(shop.sample(), "locale.csv")
    shop.wait(request_id)
    with browser.new_context(locale="de-DE") as context:
        page = context.new_page()
        page.goto(f"{shop.url}/requests/{request_id}")
        expect(page.locator(".savings .share dd")).to_have_text(re.compile(r"^\d+,\d %$"))
        expect(page.locator(".facts time")).to_have_text(re.compile("vor|jetzt"))


@pytest.mark.parametrize("look", ["request", "images"])
def test_what_is_typed_and_opened_outlives_a_newer_page(shop: Shop, page: Page, look: str) -> None:
    request_id = slow(shop, f"typed-{look}", 60)
    page.goto(f"{shop.url}/requests/{request_id}" + ("/images" if look == "images" else ""))
    if look == "request":
        expect(page.locator(".titled .badge")).to_have_text("Running", timeout=30_000)
        page.get_by_label("Pods at once").fill("55")
        page.locator("#terminal > summary").click()
        before = page.locator(".big data").first.inner_text()
        expect(page.locator(".big data").first).not_to_have_text(before, timeout=30_000)
        expect(page.get_by_label("Pods at once")).to_have_value("55")
        expect(page.get_by_label("Pods at once")).to_have_count(1)
        expect(page.locator("#terminal")).to_have_attribute("open", "")
    else:
        expect(page.locator(".images-table tbody tr").first).to_be_visible(timeout=30_000)
        page.get_by_label("Row").fill("2")
        expect(page.locator(".images-table tbody tr")).to_have_count(1, timeout=30_000)
        time.sleep(5)
        expect(page.locator(".images-table tbody tr")).to_have_count(1)
    shop.http.patch(f"/api/requests/{request_id}", json={"cancel": True})
