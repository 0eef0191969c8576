from __future__ import annotations

import httpx
import obstore
import pytest
from obstore.store import MemoryStore

from imagebatch_core.condition import ConditionStatus
from imagebatch_core.reasons import ConditionType, Phase, Reason
from imagebatch_core.resource import ImageBatch
from imagebatch_core.results import ImageStatus
from imagebatch_core.spec import Webhook
from imagebatch_core.status import ReuseStatus
from imagebatch_core.webhook_status import WebhookStatus
from imagebatch_gateway.backends import objects
from imagebatch_gateway.backends.errors import ClusterUnavailable
from imagebatch_gateway.requests import output_urls
from unit.gateway.builders import (
    CREATED,
    BatchBuilder,
    FakeBatches,
    failed,
    image_url,
    succeeded,
    write_plan,
    write_progress,
    write_report,
)


@pytest.mark.parametrize("path", ["/api/status", "/status"])
async def test_a_new_request_is_pending_under_both_names(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder, path: str
) -> None:
    batches.add(batch.build())
    body = (await http.get(f"{path}/summer-2026")).json()

    assert body["requestId"] == "summer-2026"
    assert body["status"] == "pending"
    assert body["outputImageUrls"] == []
    assert body["outputImageUrlsTruncated"] is False
    assert body["next"] is None
    assert body["createdAt"] == "2026-11-24T10:00:00Z"


@pytest.mark.parametrize("phase", list(Phase))
async def test_status_is_the_phase_in_lower_case(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder, phase: Phase
) -> None:
    batches.add(batch.with_status(phase=phase).build())

    assert (await http.get("/api/status/summer-2026")).json()["status"] == phase.value.lower()


@pytest.mark.parametrize(
    "name", ["5f0c1b52-9d0e-4b4e-9a51-0e6f3a6c1d2e", "..", "UPPER", "a_b", "-a", "x" * 300, "a%00b"]
)
@pytest.mark.parametrize("call", ["/api/status", "/status", "/api/download", "/download"])
async def test_an_unknown_or_impossible_id_is_not_found(
    http: httpx.AsyncClient, batches: FakeBatches, call: str, name: str
) -> None:
    answer = await http.get(f"{call}/{name}" if name != ".." else f"{call}/%2E%2E")

    assert answer.status_code == 404
    assert answer.json()["message"] == "Request ID not found"
    assert batches.asked in ([], [name])
    assert not batches.asked or name.startswith("5f0c")


async def test_done_and_bytes_have_image_precision_from_the_pods_while_running(
    http: httpx.AsyncClient, store: MemoryStore, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.running(done=0, total=9).build())
    write_plan(store, images=9, per_shard=6)
    write_progress(store, 0, "pod-a", [succeeded(1), succeeded(2), failed(3)])
    write_progress(store, 1, "pod-b", [succeeded(7)])
    body = (await http.get("/api/status/summer-2026")).json()
    images = body["images"]
    assert (body["bytes"], body["saved"]) == ({"in": 300, "out": 120}, "60.0%")

    none = dict.fromkeys(map(str, ImageStatus), 0)
    assert images == none | {"total": 9, "done": 4, "succeeded": 3, "failed": 1}


async def test_a_request_planned_but_not_yet_reported_shows_the_plans_totals(
    http: httpx.AsyncClient, store: MemoryStore, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.with_status(phase=Phase.PROCESSING).build())
    write_plan(store, images=7, products=3, row_problems=2)
    write_progress(store, 0, "pod-a", [succeeded(1), succeeded(2)])
    body = (await http.get("/api/status/summer-2026")).json()

    assert (body["products"], body["images"]["total"], body["images"]["done"]) == (3, 7, 2)
    assert (body["rowProblemCount"], body["inputSha256"]) == (2, "c5f0")


async def test_status_of_a_planned_request_is_the_resources(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder
) -> None:
    planned = batch.with_status(products=3, row_problem_count=1, input_sha256="c5f0")
    batches.add(planned.build())
    body = (await http.get("/api/status/summer-2026")).json()
    assert (body["products"], body["rowProblemCount"], body["inputSha256"]) == (3, 1, "c5f0")


async def test_what_was_found_of_the_request_to_reuse_is_told(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder
) -> None:
    assert (await http.get("/api/status/summer-2026")).status_code == 404
    found = "9 of 9 images have an earlier output"
    batches.add(batch.with_status(reuse=ReuseStatus(uid="u", message=found)).build())
    assert (await http.get("/api/status/summer-2026")).json()["reuse"] == found


async def test_outputs_are_listed_in_input_order_without_the_failed_ones(
    http: httpx.AsyncClient, store: MemoryStore, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.completed(succeeded=2, failed=1).reported().build())
    write_report(store, [succeeded(1), failed(2), succeeded(3)])
    body = (await http.get("/api/status/summer-2026")).json()

    assert body["outputImageUrls"] == [image_url(1), image_url(3)]
    assert body["bytes"] == {"in": 1000, "out": 387}
    assert body["saved"] == "61.3%"
    assert body["downloadUrl"] == "http://gateway.example/api/download/summer-2026"
    assert body["images"]["failed"] == 1


async def test_beyond_a_thousand_outputs_next_leads_through_all_of_them(
    http: httpx.AsyncClient, store: MemoryStore, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.completed(succeeded=2500).reported().build())
    write_report(store, [succeeded(row) for row in range(1, 2501)])
    found: list[str] = []
    pages = []
    link = "/api/status/summer-2026"
    while link:
        body = (await http.get(link)).json()
        pages.append((len(body["outputImageUrls"]), body["outputImageUrlsTruncated"]))
        found += body["outputImageUrls"]
        link = (body["next"] or "").removeprefix("http://gateway.example")

    assert pages == [(1000, True), (1000, True), (500, False)]
    assert found == [image_url(row) for row in range(1, 2501)]


async def test_exactly_a_thousand_outputs_are_not_truncated(
    http: httpx.AsyncClient, store: MemoryStore, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.completed(succeeded=1000, failed=1).reported().build())
    write_report(store, [*(succeeded(row) for row in range(1, 1001)), failed(1001)])
    body = (await http.get("/api/status/summer-2026")).json()

    assert (len(body["outputImageUrls"]), body["next"]) == (1000, None)


async def test_a_page_of_failures_ends_at_the_scan_limit_and_the_next_goes_on(
    http: httpx.AsyncClient,
    store: MemoryStore,
    batches: FakeBatches,
    batch: BatchBuilder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(output_urls, "SCAN_LIMIT", 1000)
    monkeypatch.setattr(objects, "PIECE", 700)
    batches.add(batch.completed(succeeded=1, failed=20).reported().build())
    write_report(store, [*(failed(row) for row in range(1, 21)), succeeded(21)])
    first = (await http.get("/api/status/summer-2026")).json()
    link, requests, found = first["next"], 1, first["outputImageUrls"]
    while link:
        body = (await http.get(link.removeprefix("http://gateway.example"))).json()
        link, requests, found = body["next"], requests + 1, found + body["outputImageUrls"]

    assert first["outputImageUrlsTruncated"] is True
    assert found == [image_url(21)]
    assert requests > 3


async def test_a_report_without_any_image_has_no_outputs(
    http: httpx.AsyncClient, store: MemoryStore, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.completed(succeeded=0).reported().build())
    write_report(store, [])
    body = (await http.get("/api/status/summer-2026")).json()

    assert (body["outputImageUrls"], body["next"]) == ([], None)


@pytest.mark.parametrize(
    "cursor", ["nonsense", "-1", "5-000000000000", "ffffff-{sha}", "5-{sha}", "ffffffffffffffff-0"]
)
async def test_a_cursor_that_no_answer_held_is_refused(
    http: httpx.AsyncClient,
    store: MemoryStore,
    batches: FakeBatches,
    batch: BatchBuilder,
    cursor: str,
) -> None:
    built = batches.add(batch.completed(succeeded=3).reported().build())
    write_report(store, [succeeded(1), succeeded(2), succeeded(3)])
    assert built.status.report is not None
    cursor = cursor.format(sha=built.status.report.sha256[:12])
    answer = await http.get("/api/status/summer-2026", params={"cursor": cursor})

    assert answer.status_code == 400
    assert "cursor" in answer.json()["message"]


async def test_an_unchanged_status_is_not_sent_again(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.running(done=1, total=2).build())
    first = await http.get("/api/status/summer-2026")
    headers = {"If-None-Match": first.headers["etag"]}
    same = await http.get("/api/status/summer-2026", headers=headers)
    batches.add(batch.running(done=2, total=2).build())
    changed = await http.get("/api/status/summer-2026", headers=headers)

    assert (same.status_code, same.content) == (304, b"")
    assert same.headers["etag"] == first.headers["etag"]
    assert changed.status_code == 200


async def test_the_reason_of_a_failure_is_told(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder
) -> None:
    built = batch.with_status(phase=Phase.FAILED).because(
        ConditionType.SUCCEEDED, ConditionStatus.FALSE, Reason.TOO_MANY_FAILED, "30% failed"
    )
    batches.add(built.build())
    body = (await http.get("/api/status/summer-2026")).json()

    assert (body["reason"], body["message"]) == ("TooManyFailed", "30% failed")
    assert body["conditions"][0]["type"] == "Succeeded"


async def test_a_batch_that_a_newer_operator_worked_on_is_told_of(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder
) -> None:
    """As after a rollback: nothing that this release does not know makes it unreadable."""
    built = batch.running(done=1, total=2).build()
    condition = {"status": "True", "lastTransitionTime": "2026-11-24T10:00:00Z", "severity": "Info"}
    newer = {
        "metadata": {
            "namespace": built.namespace,
            "name": built.name,
            "uid": built.uid,
            "creationTimestamp": "2026-11-24T10:00:00Z",
        },
        "spec": {"source": {"s3": {"key": "shop/uploads/x", "pace": 1}}, "urgency": 3},
        "status": {
            "phase": "Resting",
            "images": {"total": 2, "done": 1, "skipped": 1},
            "queue": {"position": 4},
            "conditions": [
                {**condition, "type": "Verified", "reason": "ChecksPassed"},
                {**condition, "type": "Succeeded", "reason": "StillResting", "status": "Unknown"},
                {**condition, "type": "Reconciling", "reason": "TakingBreath"},
            ],
        },
    }
    batches.add(ImageBatch.from_object(newer))
    answer = await http.get("/api/status/summer-2026")

    assert answer.status_code == 200
    body = answer.json()
    assert (body["status"], body["reason"]) == ("processing", "TakingBreath")
    assert body["images"]["done"] == 1
    assert [c["type"] for c in body["conditions"]] == ["Verified", "Succeeded", "Reconciling"]


async def test_the_webhooks_delivery_is_told_without_its_address(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder
) -> None:
    outbox = WebhookStatus(event_id="msg_1", attempts=2, last_code=500, next_attempt_time=CREATED)
    built = batch.asking(webhook=Webhook(url="https://hook.example/?token=secret"))
    batches.add(built.with_status(webhook=outbox).build())
    answer = await http.get("/api/status/summer-2026")

    assert answer.json()["webhook"] == {
        "eventId": "msg_1",
        "attempts": 2,
        "nextAttemptAt": "2026-11-24T10:00:00Z",
        "lastCode": 500,
        "deliveredAt": None,
        "abandoned": False,
    }
    assert "secret" not in answer.text


async def test_a_report_that_is_gone_from_the_store_leaves_the_status_and_is_told_as_gone(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.completed(succeeded=1).reported().build())
    answer = await http.get("/api/status/summer-2026")

    assert answer.status_code == 200
    assert "no longer in the object store" in answer.json()["note"]
    assert answer.json()["next"] is None
    assert (await http.get("/download/summer-2026")).status_code == 410


async def test_a_cluster_that_does_not_answer_is_503_with_retry_after(
    http: httpx.AsyncClient, batches: FakeBatches, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(name: str) -> None:
        raise ClusterUnavailable("the Kubernetes API server did not answer", undecided=True)

    monkeypatch.setattr(batches, "get", silent)
    answer = await http.get("/api/status/summer-2026")

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"


async def test_the_first_page_of_urls_of_a_request_that_has_ended_is_read_once(
    http: httpx.AsyncClient, store: MemoryStore, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.completed(succeeded=1).reported().build())
    keys = write_report(store, [succeeded(1)])
    first = (await http.get("/api/status/summer-2026")).json()
    obstore.delete(store, keys.report_jsonl)

    assert (await http.get("/api/status/summer-2026")).json() == first
