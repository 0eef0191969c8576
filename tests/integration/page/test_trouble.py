"""What a page shows when the object store is away, the session has ended or the gateway is gone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Route, expect

from integration.gateway.driver import Gateway
from integration.operator.driver import NAMESPACE
from integration.page.shop import Shop


@pytest.fixture(scope="module")
def request_id(shop: Shop) -> str:
    made = shop.upload(shop.sample(), "trouble.csv")
    shop.wait(made)
    return made


def test_without_the_store_the_page_shows_what_is_known_and_heals_by_itself(
    shop: Shop, page: Page, request_id: str
) -> None:
    shop.s3.pause()
    try:
        page.goto(f"{shop.url}/requests/{request_id}", timeout=60_000)
        expect(page.locator(".titled .badge")).to_have_text("Completed")
        expect(page.locator(".savings")).to_be_visible()
        expect(page.get_by_text("Why they failed cannot be read right now.")).to_be_visible()
        page.goto(f"{shop.url}/requests/{request_id}/images", timeout=60_000)
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text("The images cannot be listed right now")
        expect(alert).to_contain_text("tries again by itself")
    finally:
        shop.s3.resume()
    expect(page.locator(".images-table tbody tr")).to_have_count(11, timeout=60_000)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_page_that_could_not_be_shown_at_first_is_shown_once_the_cluster_is_back(
    shop: Shop, page: Page, request_id: str
) -> None:
    images = page.context.new_page()
    with shop.without_cluster():
        for one, address in ((page, request_id), (images, f"{request_id}/images")):
            one.goto(f"{shop.url}/requests/{address}", timeout=60_000)
            expect(one.get_by_role("alert")).to_contain_text("This page tries again by itself")
    expect(page.locator(".titled .badge")).to_have_text("Completed", timeout=60_000)
    expect(page.get_by_role("alert")).to_have_count(0)
    # With what lies outside of the part that changes.
    expect(images.locator("form[data-filter]")).to_be_visible(timeout=60_000)
    expect(images.locator(".images-table tbody tr")).to_have_count(11)


def test_an_action_that_cannot_be_sent_says_so_until_the_next_action(
    shop: Shop, page: Page, request_id: str
) -> None:
    page.goto(f"{shop.url}/requests/{request_id}")
    retry = page.get_by_role("button", name="Retry", exact=False).first
    with shop.without_cluster():
        retry.click()
        alert = page.get_by_role("alert")
        expect(alert).to_be_focused(timeout=60_000)
        expect(alert).to_contain_text("then try again")
        expect(page.locator(".savings")).to_be_visible()
    expect(alert).to_be_visible()
    shop.wait(request_id, seconds=60)
    retry.click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page).not_to_have_url(re.compile(request_id), timeout=30_000)


def test_an_action_that_was_done_is_told_as_done_although_its_page_cannot_be_shown(
    shop: Shop, page: Page, request_id: str
) -> None:
    address = f"{shop.url}/requests/{request_id}"
    page.goto(address)
    # The gateway's own answer about a namespace that is not one of its.
    elsewhere = {"status": 303, "headers": {"Location": f"{address}?namespace=elsewhere"}}
    page.route(f"{address}/retry", lambda route: route.fulfill(**elsewhere))  # type: ignore[arg-type]
    page.get_by_role("button", name="Retry", exact=False).first.click()
    expect(page.locator("#said")).to_contain_text("Done: Retry")
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.locator(".savings")).to_be_visible()


def test_an_action_without_an_answer_of_the_gateway_says_so_until_the_next_action(
    shop: Shop, page: Page, request_id: str
) -> None:
    address = f"{shop.url}/requests/{request_id}"
    page.goto(address)
    retry = page.get_by_role("button", name="Retry", exact=False).first
    page.route(f"{address}/retry", lambda route: route.abort())
    retry.click()
    expect(page.get_by_role("alert")).to_contain_text("not known whether this was done")
    expect(page.locator("#connection")).to_be_hidden(timeout=30_000)
    expect(page.get_by_role("alert")).to_be_focused()
    page.unroute(f"{address}/retry")
    page.route(f"{address}/retry", lambda route: route.fulfill(status=502, body="Bad Gateway"))
    retry.click()
    expect(page.get_by_role("alert")).to_have_text("That did not work. Try again.")


def test_what_is_shown_stays_while_its_request_cannot_be_found(
    shop: Shop, page: Page, request_id: str
) -> None:
    address = f"{shop.url}/"
    page.goto(address)

    def none(route: Route) -> None:
        route.fulfill(response=route.fetch(url=f"{shop.url}/requests/none"))

    page.route(address, none)
    expect(page.locator("#connection")).to_contain_text("There is no such", timeout=30_000)
    expect(page.locator(".requests tbody tr").first).to_be_visible()
    page.unroute(address)
    expect(page.locator("#connection")).to_be_hidden(timeout=60_000)


def test_a_filter_of_an_ended_requests_images_is_applied_once_the_cluster_is_back(
    shop: Shop, page: Page, request_id: str
) -> None:
    page.goto(f"{shop.url}/requests/{request_id}/images")
    rows = page.locator(".images-table tbody tr")
    expect(rows).to_have_count(11)
    with shop.without_cluster():
        page.get_by_label("State").select_option("failed")
        expect(page.locator("#connection")).to_contain_text("tries again", timeout=60_000)
        expect(rows).to_have_count(11)
    expect(rows).to_have_count(2, timeout=60_000)
    expect(page.get_by_role("heading", level=1)).to_have_count(1)


def test_a_gateway_that_is_gone_leaves_what_is_known_and_comes_back(
    shop: Shop, page: Page, request_id: str
) -> None:
    other = shop.another_gateway()
    page.goto(other.url)
    expect(page.locator(".requests tbody tr").first).to_be_visible()
    other.stop()
    expect(page.locator("#connection")).to_contain_text("connection", timeout=20_000)
    expect(page.locator(".requests tbody tr").first).to_be_visible()
    other.start()
    expect(page.locator("#connection")).to_be_hidden(timeout=40_000)


@pytest.fixture
def guarded(shop: Shop) -> Gateway:
    """A gateway that wants to know who calls."""
    return shop.another_gateway(
        IMAGEBATCH_AUTH_MODE="kubernetes", IMAGEBATCH_AUTH_REVIEW_SECONDS="1"
    )


def token(shop: Shop, account: str) -> str:
    shop.kubectl("create", "serviceaccount", account)
    verbs = "get,list,create,patch,delete"
    shop.kubectl("create", "role", account, f"--verb={verbs}", "--resource=imagebatches")
    shop.kubectl(
        "create", "rolebinding", f"{account}-own", f"--role={account}",
        f"--serviceaccount={NAMESPACE}:{account}",
    )  # fmt: skip
    return shop.kubectl("create", "token", account).strip()


def test_who_is_not_known_signs_in_and_comes_back_to_the_page(
    shop: Shop, guarded: Gateway, page: Page, request_id: str
) -> None:
    page.goto(f"{guarded.url}/requests/{request_id}")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.get_by_label("Token or API key").fill("nonsense")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("That did not work")
    page.get_by_label("Token or API key").fill(token(shop, "maria"))
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile(f"/requests/{request_id}$"))
    expect(page.locator(".who")).to_contain_text("maria")

    # The session ends with what it was made of, while the page is open.
    page.goto(f"{guarded.url}/")
    expect(page.locator(".requests tbody tr").first).to_be_visible()
    shop.kubectl("delete", "serviceaccount", "maria")
    expect(page.locator("#connection")).to_contain_text("Your session has ended", timeout=40_000)
    expect(page.locator(".requests tbody tr").first).to_be_visible()
    page.get_by_role("link", name="Sign in again").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_whoever_may_only_read_is_offered_nothing_else(
    shop: Shop, guarded: Gateway, page: Page, request_id: str
) -> None:
    shop.kubectl("create", "serviceaccount", "reader")
    shop.kubectl("create", "role", "reader", "--verb=get,list", "--resource=imagebatches")
    shop.kubectl(
        "create", "rolebinding", "reader", "--role=reader", f"--serviceaccount={NAMESPACE}:reader"
    )
    page.goto(f"{guarded.url}/signin?next=requests/{request_id}")
    page.get_by_label("Token or API key").fill(shop.kubectl("create", "token", "reader").strip())
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".titled .badge")).to_have_text("Completed")
    expect(page.get_by_text("Delete", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto(guarded.url)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
