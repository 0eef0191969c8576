"""Retrying the failed images of a request."""

from __future__ import annotations

import httpx
import pytest

from imagebatch_core import names
from imagebatch_core.reasons import Phase
from imagebatch_core.source import RetryOnly
from imagebatch_core.spec import Output, Webhook
from imagebatch_core.status import Shards
from unit.gateway.builders import BatchBuilder, FakeBatches

PATH = "/api/requests/summer-2026/retry"


def ended(batch: BatchBuilder, *, failed: int = 2) -> BatchBuilder:
    return batch.completed(succeeded=3, failed=failed).with_status(shards=Shards(total=1, done=1))


@pytest.mark.parametrize("only", list(RetryOnly))
async def test_a_retry_has_the_options_of_the_request_but_those_it_inherits(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder, only: RetryOnly
) -> None:
    asked = batch.asking(
        output=Output(quality=70),
        images_per_shard=50,
        parallelism=9,
        retries=7,
        max_failed_percent=5,
        webhook=Webhook(url="https://hook.example/in"),
        cancel=True,
    )
    annotations = {names.ANNOTATION_FILE_NAME: "spring.csv", names.ANNOTATION_DISPLAY_NAME: "Mugs"}
    batches.add(ended(asked).build().model_copy(update={"annotations": annotations}))
    answer = await http.post(PATH, json={"only": only})
    assert answer.status_code == 200
    made = batches.stored[answer.json()["requestId"]]
    assert made.spec.source.retry_of is not None
    assert (made.spec.source.retry_of.name, made.spec.source.retry_of.only) == ("summer-2026", only)
    assert (made.spec.output, made.spec.images_per_shard) == (Output(), None)
    assert (made.spec.parallelism, made.spec.retries, made.spec.max_failed_percent) == (9, 7, 5)
    assert made.spec.webhook == Webhook(url="https://hook.example/in")
    assert not made.spec.cancel
    assert made.annotations[names.ANNOTATION_FILE_NAME] == "spring.csv"
    assert made.annotations[names.ANNOTATION_DISPLAY_NAME] == "Mugs"
    assert answer.headers["location"] == answer.json()["statusUrl"]


async def test_without_a_body_all_that_failed_is_retried_and_a_key_makes_it_once(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(ended(batch).build())
    key = {"Idempotency-Key": "k"}
    first = await http.post(PATH, headers=key)
    again = await http.post(PATH, headers=key)
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    retry = batches.stored[first.json()["requestId"]].spec.source.retry_of
    assert retry is not None
    assert retry.only is RetryOnly.FAILED


async def test_a_retry_may_be_created_with_other_options_as_a_request(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(ended(batch).build())
    source = {"retryOf": {"name": "summer-2026", "only": "retryable"}}
    answer = await http.post("/api/requests", json={"source": source, "retries": 9})
    assert answer.status_code == 200
    made = batches.stored[answer.json()["requestId"]].spec
    assert made.source.model_dump(mode="json", by_alias=True, exclude_none=True) == source
    assert made.retries == 9


@pytest.mark.parametrize("through", ["retry", "create"])
async def test_what_cannot_be_retried_is_refused_with_what_to_do(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder, through: str
) -> None:
    async def refused() -> tuple[int, str]:
        if through == "retry":
            answer = await http.post(PATH)
        else:
            source = {"retryOf": {"name": "summer-2026"}}
            answer = await http.post("/api/requests", json={"source": source})
        return answer.status_code, answer.json()["detail"]

    status, detail = await refused()
    assert status == 404
    assert detail == (
        "No request is named 'summer-2026'. If it was deleted, its failed rows can be uploaded "
        "as a new request: GET /api/download/summer-2026?format=failed"
    )
    for built, words in (
        (batch.running(done=1, total=2), "The request is processing. Retry it once it has ended"),
        (ended(batch, failed=0), "no image of summer-2026 failed"),
        (ended(batch.asking(dry_run=True)), "was a dry run"),
        (batch.with_status(phase=Phase.FAILED), "ended before it was planned"),
    ):
        batches.stored.clear()
        batches.add(built.build())
        status, detail = await refused()
        assert status == 409
        assert words in detail
        assert list(batches.stored) == ["summer-2026"]


async def test_a_wrong_body_is_refused(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(ended(batch).build())
    answer = await http.post(PATH, json={"only": "some"})
    assert answer.status_code == 422
    assert list(batches.stored) == ["summer-2026"]
