"""What is told when the address of a CSV fails: scheme, host and path, never its secrets."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from imagebatch_core.errors import ImageBatchError, InputRefused
from imagebatch_core.job import JobSource, RunnerJob
from imagebatch_core.keys import BatchKeys
from imagebatch_runner.failures import SourceUnavailable
from imagebatch_runner.settings import Settings
from imagebatch_runner.steps.batch import Batch
from imagebatch_runner.steps.source import copied_input
from imagebatch_runner.store.storage import Storage
from support.imagehost import ImageHost

SIGNED = "?Expires=1&Signature=s3cr3t"
Refusal = Callable[[str, type[ImageBatchError]], str]


@pytest.fixture
def refusal(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Refusal:
    """``refusal(url, Error)``: what the error says, after all that was logged on the way."""

    def fetch(url: str, kind: type[ImageBatchError]) -> str:
        job = RunnerJob(namespace="shop", name="spring", uid="u", source=JobSource(url=url))
        storage = Storage.open(f"file://{tmp_path}", {}, patience=5)
        settings = Settings(fetch_allow="127.0.0.1", retry_base_seconds=0.01)
        batch = Batch(job, BatchKeys.of("shop", "u"), storage, settings)
        with caplog.at_level(logging.INFO), pytest.raises(kind) as refused, copied_input(batch):
            pass
        return "\n".join([*caplog.messages, str(refused.value)])

    return fetch


@pytest.mark.parametrize(
    ("status", "kind", "tells"),
    [(403, InputRefused, 1), (503, SourceUnavailable, 4)],
)
def test_a_signature_in_an_address_that_fails_is_not_told(
    host: ImageHost, refusal: Refusal, status: int, kind: type[ImageBatchError], tells: int
) -> None:
    host.status("list.csv", status)
    told = refusal(host.url("list.csv") + SIGNED, kind)
    assert told.count(f"{host.url('list.csv')}: {status} ") == tells
    assert "Signature" not in told
    assert "s3cr3t" not in told


def test_a_password_in_an_address_is_not_told(refusal: Refusal) -> None:
    told = refusal("https://user:s3cr3t@shop.example/list.csv", InputRefused)
    assert told == "https://shop.example/list.csv: credentials in a URL are refused"


@pytest.mark.parametrize("target", ["http://127.1/a", "http://10.0.0.1/a", "ftp://shop.example/a"])
def test_a_signature_in_an_address_that_is_redirected_to_is_not_told(
    host: ImageHost, refusal: Refusal, target: str
) -> None:
    told = refusal(host.redirect("list.csv", target + SIGNED), InputRefused)
    assert told.startswith(f"{host.url('list.csv')}: ")
    assert "s3cr3t" not in told


def test_a_signature_is_not_told_where_nothing_listens(refusal: Refusal) -> None:
    with ImageHost() as gone:
        url = gone.url("list.csv")
    told = refusal(url + SIGNED, SourceUnavailable)
    assert told.count(url) == 4
    assert "s3cr3t" not in told
