from __future__ import annotations

import re
from html.parser import HTMLParser

import httpx
import pytest
from obstore.store import MemoryStore

from imagebatch_core.condition import ConditionStatus
from imagebatch_core.reasons import ConditionType, Reason
from imagebatch_gateway.backends.errors import ClusterUnavailable
from imagebatch_gateway.routes.page_forms import _own_path
from unit.gateway.builders import CSV, BatchBuilder, FakeBatches, failed, succeeded
from unit.gateway.catalogues import Catalogue

FORM = {"content-type": "application/x-www-form-urlencoded"}


class _Inline(HTMLParser):
    """Collects what a policy without unsafe-inline would not run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name for name, _ in attrs}
        self.found += [f"{tag} {name}" for name in names if name == "style" or name[:2] == "on"]
        if tag == "style" or (tag == "script" and "src" not in names):
            self.found.append(tag)


@pytest.fixture
async def pages(
    http: httpx.AsyncClient, store: MemoryStore, batches: FakeBatches, batch: BatchBuilder
) -> list[str]:
    """Addresses of every view."""
    batches.add(batch.running(done=3, total=9).build())
    batches.add(batch.named("done").completed(succeeded=1, failed=1).reported().build())
    planned = Catalogue(store, [1, 1], outcome=lambda r, p: (failed if r == 2 else succeeded)(r, p))
    planned.planned().collected()
    return [
        "/", "/new", "/signin", "/requests/summer-2026", "/requests/done", "/requests/done/images",
        "/requests/none",
    ]  # fmt: skip


async def test_no_page_needs_what_its_policy_forbids(
    http: httpx.AsyncClient, pages: list[str]
) -> None:
    for page in pages:
        answer = await http.get(page)
        inline = _Inline()
        inline.feed(answer.text)

        assert "unsafe" not in answer.headers["content-security-policy"], page
        assert inline.found == [], page
        assert answer.headers["cache-control"] == "no-store"


async def test_links_of_every_page_lead_somewhere(
    http: httpx.AsyncClient, pages: list[str]
) -> None:
    for page in pages:
        text = (await http.get(page)).text
        for link in set(re.findall(r'(?:src|href)="([^"#]+)"', text)):
            target = str(httpx.URL(f"http://testserver{page}").join(link.replace("&amp;", "&")))
            if "/api/download/" not in target and "/files/" not in target:
                assert (await http.get(target)).status_code == 200, (page, link)


async def test_the_list_shows_names_states_and_saved_bytes(
    http: httpx.AsyncClient, pages: list[str]
) -> None:
    text = (await http.get("/")).text

    assert 'href="./requests/done"' in text
    assert 'data-state="completed"' in text
    assert "Completed" in text
    assert "613 B" in text  # of 1000
    assert "1</data> failed" in text


async def test_the_list_is_searched_and_filtered_by_its_address(
    http: httpx.AsyncClient, pages: list[str]
) -> None:
    running = (await http.get("/?status=processing")).text
    none = (await http.get("/?q=nothing")).text

    assert "requests/summer-2026" in running
    assert "requests/done" not in running
    assert "No request matches." in none


async def test_a_list_that_cannot_be_had_says_so_and_what_to_do(
    http: httpx.AsyncClient, batches: FakeBatches
) -> None:
    batches.unready = ClusterUnavailable("the API server cannot be reached", undecided=False)
    answer = await http.get("/")

    assert answer.status_code == 503
    assert "The requests cannot be listed right now" in answer.text
    assert 'role="alert"' in answer.text
    assert "tries again by itself" in answer.text


async def test_what_was_sent_while_the_cluster_is_away_is_the_readers_to_send_again(
    http: httpx.AsyncClient, batches: FakeBatches
) -> None:
    batches.fail = ClusterUnavailable("the API server cannot be reached", undecided=False)
    answer = await http.post("/new", files={"file": ("a.csv", CSV, "text/csv")})

    assert answer.status_code == 503
    assert "then try again." in answer.text
    assert "tries again by itself" not in answer.text


async def test_failures_are_told_in_words_with_their_rows_and_what_to_do(
    http: httpx.AsyncClient, pages: list[str]
) -> None:
    text = (await http.get("/requests/done")).text

    assert "Host does not exist" in text
    assert "What to do:" in text
    assert "https://a.example/2-1.png" in text
    assert "format=failed" in text


async def test_reasons_that_cannot_be_read_leave_the_rest_of_the_page(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.completed(succeeded=1, failed=1).reported().build())
    answer = await http.get("/requests/summer-2026")

    assert answer.status_code == 200
    assert "Why they failed cannot be read right now" in answer.text
    assert "387 B" in answer.text


async def test_images_are_filtered_by_state_code_and_row(
    http: httpx.AsyncClient, pages: list[str]
) -> None:
    every = (await http.get("/requests/done/images")).text
    some = (await http.get("/requests/done/images?status=failed&code=dns_failed&row=2")).text
    wrong = await http.get("/requests/done/images?row=x")

    assert "a.example/1-1.png" in every
    assert "Host does not exist" in every
    assert "a.example/1-1.png" not in some
    assert "a.example/2-1.png" in some
    assert wrong.status_code == 422
    assert "<code>row</code>" in wrong.text


async def test_a_request_that_is_not_there_is_a_page_that_helps(http: httpx.AsyncClient) -> None:
    answer = await http.get("/requests/none")

    assert answer.status_code == 404
    assert "There is no such request" in answer.text


async def test_names_are_escaped_wherever_they_stand(
    http: httpx.AsyncClient, batches: FakeBatches
) -> None:
    name = '"><script>alert(1)</script>.csv'
    sent = await http.post("/api/upload", files={"file": (name, CSV, "text/csv")})
    path = f"/requests/{sent.json()['requestId']}"
    for page in ("/", path, f"{path}/images"):
        assert "<script>alert" not in (await http.get(page)).text


async def test_without_a_script_an_upload_leads_to_its_request(
    http: httpx.AsyncClient, batches: FakeBatches
) -> None:
    form = {"quality": "70", "maxWidth": "", "sheet": "", "format": "webp"}
    answer = await http.post("/new", files={"file": ("a.csv", CSV, "text/csv")}, data=form)

    (name,) = batches.stored
    assert answer.status_code == 303
    assert answer.headers["location"] == f"./requests/{name}"
    assert batches.stored[name].spec.output.quality == 70


async def test_without_a_script_a_refused_upload_is_the_form_with_the_reason(
    http: httpx.AsyncClient, batches: FakeBatches
) -> None:
    answer = await http.post("/new", files={"file": ("a.csv", b"a,b\n1,2\n", "text/csv")})

    assert answer.status_code == 400
    assert "This file cannot be taken as it is" in answer.text
    assert 'type="file"' in answer.text
    assert batches.stored == {}


async def test_a_file_is_checked_without_keeping_anything(
    http: httpx.AsyncClient, batches: FakeBatches
) -> None:
    answer = await http.post(
        "/new/check", files={"file": ("a.csv", CSV, "text/csv")}, data={"quality": "70"}
    )

    assert answer.status_code == 200
    assert "a.example" in answer.text
    assert "<dt>Images</dt>" in answer.text
    assert batches.stored == {}


async def test_actions_lead_back_to_the_request(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.running(done=3, total=9).build())
    path = "/requests/summer-2026/change"
    answer = await http.post(path, data={"suspend": "true"})
    await http.post(path, data={"parallelism": "9"})
    spec = batches.stored["summer-2026"].spec

    assert answer.status_code == 303
    assert answer.headers["location"] == "../../requests/summer-2026"
    assert (spec.suspend, spec.parallelism) == (True, 9)


async def test_a_refused_action_is_the_request_with_the_reason(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.running(done=3, total=9).build())
    answer = await http.post("/requests/summer-2026/change", data={"parallelism": "many"})

    assert answer.status_code == 422
    assert "<code>parallelism</code>" in answer.text
    assert "of <data" in answer.text  # the progress is there

    batches.add(batch.completed(succeeded=1).build())
    ended = await http.post("/requests/summer-2026/change", data={"cancel": "true"})
    assert ended.status_code == 409
    assert "The request has ended" in ended.text


async def test_a_deleted_request_leads_to_the_list(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.completed(succeeded=1).build())
    answer = await http.post(
        "/requests/summer-2026/delete", headers={**FORM, "content-length": "0"}
    )

    assert answer.headers["location"] == "../../"
    assert batches.stored == {}


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ],
)
async def test_forms_of_other_sites_are_refused(
    http: httpx.AsyncClient,
    batches: FakeBatches,
    batch: BatchBuilder,
    headers: dict[str, str],
) -> None:
    batches.add(batch.running(done=3, total=9).build())
    sent = [
        await http.post("/requests/summer-2026/change", data={"cancel": "true"}, headers=headers),
        await http.post("/new", files={"file": ("a.csv", CSV, "text/csv")}, headers=headers),
    ]

    assert [answer.status_code for answer in sent] == [403, 403]
    assert batches.stored["summer-2026"].spec.cancel is False
    assert len(batches.stored) == 1


async def test_a_form_that_is_too_large_is_refused(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.running(done=3, total=9).build())
    answer = await http.post("/requests/summer-2026/change", data={"cancel": "x" * 70_000})

    assert answer.status_code == 400
    assert batches.stored["summer-2026"].spec.cancel is False


async def test_what_waits_to_be_confirmed_says_so_and_offers_it(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder
) -> None:
    reason = getattr(Reason, "AWAITING_CONFIRMATION", None)
    assert reason is not None
    waiting = batch.asking(suspend_after="Plan").running(done=0, total=9)
    told = waiting.because(ConditionType.SUSPENDED, ConditionStatus.TRUE, reason, "Counted.")
    batches.add(told.build())
    text = (await http.get("/requests/summer-2026")).text

    assert "Ready, and waiting for you" in text
    assert 'name="confirm"' in text
    await http.post("/requests/summer-2026/change", data={"confirm": "true"})
    assert batches.stored["summer-2026"].spec.suspend_after is None


async def test_every_link_and_form_of_a_page_stays_in_its_namespace(
    http: httpx.AsyncClient, pages: list[str]
) -> None:
    for page in pages:
        text = (await http.get(f"{page}?namespace=shop")).text
        for link in re.findall(r'(?:href|action|formaction)="([^"#]*)"', text):
            shared = ("static/", "docs", "readyz", "/files/", "signin", "http")
            if not any(part in link for part in shared):
                own = "namespace=shop" in link or 'name="namespace" value="shop"' in text
                assert own, (page, link)


async def test_an_action_leads_back_to_the_request_in_its_namespace(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.running(done=3, total=9).build())
    path = "/requests/summer-2026/change?namespace=shop"
    answer = await http.post(path, data={"suspend": "true"})
    foreign = await http.get("/?namespace=elsewhere")

    assert answer.headers["location"] == "../../requests/summer-2026?namespace=shop"
    assert foreign.status_code == 403


@pytest.mark.parametrize(
    ("wanted", "led"),
    [
        ("requests/a?namespace=shop", "./requests/a?namespace=shop"),
        ("https://evil.example/", "./"),
        ("//evil.example", "./"),
        ("/\\evil.example", "./"),
        ("javascript:alert(1)", "./"),
    ],
)
def test_signing_in_leads_to_a_page_of_this_gateway_alone(wanted: str, led: str) -> None:
    assert f"./{_own_path(wanted)}" == led
