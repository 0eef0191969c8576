"""What stands in the request line, as a host sees it: addresses go out byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imagebatch_core.job import JobSource, RunnerJob
from imagebatch_core.keys import BatchKeys
from imagebatch_core.urls import check_url
from imagebatch_runner.fetch.attempt import Fetched
from imagebatch_runner.fetch.fetcher import Fetcher
from imagebatch_runner.fetch.validators import Validators
from imagebatch_runner.fetch.web import open_session
from imagebatch_runner.settings import Settings
from imagebatch_runner.steps.batch import Batch
from imagebatch_runner.steps.source import copied_input
from imagebatch_runner.store.storage import Storage
from support.imagehost import ImageHost
from support.pictures import jpeg
from support.written_urls import ENCODED, VERBATIM

DATA = jpeg(size=(60, 40))
SENT = {written: written for written in VERBATIM} | ENCODED
SETTINGS = Settings(fetch_allow="127.0.0.1")
Fetch = Callable[..., Any]


@pytest.fixture
def fetch() -> Fetch:
    async def one(url: str, known: Validators | None = None) -> Fetched:
        async with (
            open_session(SETTINGS) as session,
            Fetcher(session, SETTINGS, 0).fetched(url, known) as fetched,
        ):
            return fetched

    return one


@pytest.mark.parametrize("written", SENT, ids=ascii)
async def test_an_image_is_asked_for_as_its_address_is_written(
    fetch: Fetch, host: ImageHost, written: str
) -> None:
    host.add_everywhere(DATA)
    fetched = await fetch(f"http://127.0.0.1:{host.port}{written}")
    assert fetched.content.whole() == DATA
    assert host.targets == [SENT[written]]


@pytest.mark.parametrize("written", SENT, ids=ascii)
async def test_a_redirect_is_followed_as_its_location_is_written(
    fetch: Fetch, host: ImageHost, written: str
) -> None:
    """Letters outside ASCII come as UTF-8, which is what hosts send that send them at all."""
    host.add_everywhere(DATA)
    location = f"http://127.0.0.1:{host.port}{written}".translate({10: None, 13: None, 0: None})
    start = host.redirect("start", location.encode().decode("latin-1"))
    await fetch(start)
    assert host.targets == ["/start", check_url(location).raw_path_qs]
    if written in VERBATIM:
        assert host.targets[1] == written


@pytest.mark.parametrize("written", ["/a%2Fb.jpg?u=%7E~&", "/a.jpg?", "/größe.jpg?q=ü"])
async def test_an_image_that_did_not_change_is_asked_for_in_the_same_words(
    fetch: Fetch, host: ImageHost, written: str
) -> None:
    """The validators count for the address that gave them, however it is written."""
    answer = {"ETag": '"one"'}

    def at_end(handler: Any) -> None:
        known = handler.headers.get("If-None-Match") == '"one"'
        handler.reply(304 if known else 200, b"" if known else DATA, "image/jpeg", answer)

    host.everywhere(at_end)
    url = f"http://127.0.0.1:{host.port}{written}"
    moved = host.redirect("start", url.encode().decode("latin-1"))
    for address in (url, moved):
        host.targets.clear()
        first = await fetch(address)
        again = await fetch(address, first.validators)
        assert (first.not_modified, again.not_modified) == (False, True)
        assert host.targets[-1] == SENT.get(written, written)
        assert len(set(host.targets)) == len(host.targets) / 2


@pytest.mark.parametrize("written", SENT, ids=ascii)
def test_the_csv_of_a_batch_is_asked_for_as_its_address_is_written(
    host: ImageHost, tmp_path: Path, written: str
) -> None:
    host.add_everywhere(b"product,images\n")
    source = JobSource(url=f"http://127.0.0.1:{host.port}{written}")
    job = RunnerJob(namespace="shop", name="spring", uid="u", source=source)
    storage = Storage.open(f"file://{tmp_path}", {}, patience=5)
    with copied_input(Batch(job, BatchKeys.of("shop", "u"), storage, SETTINGS)) as copied:
        assert copied.path.read_bytes() == b"product,images\n"
    assert host.targets == [SENT[written]]
