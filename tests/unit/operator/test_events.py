"""What becomes an Event and a line of log: of the real reconciler on an in-memory cluster."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from aiohttp import web

from imagebatch_core.job import Step
from imagebatch_operator.cluster.client import jobs_path
from imagebatch_operator.settings import Settings
from unit.operator.builders import BatchBuilder, batch
from unit.operator.fakecluster import FakeCluster
from unit.operator.life import Life, applied
from unit.operator.test_reconcile import SECRET, Receiver, receiver

__all__ = ["receiver"]  # a fixture

SETTINGS = Settings(runner_image="runner:1")


def told(cluster: FakeCluster) -> list[tuple[str, str]]:
    return [(event["type"], event["reason"]) for event in cluster.events]


async def lived(builder: BatchBuilder, settings: Settings = SETTINGS, **faults: Any) -> FakeCluster:
    """The cluster after an hour, with something in the way from the start."""
    cluster = applied(builder)
    for name, fault in faults.items():
        setattr(cluster, name, fault)
    life = Life(cluster, settings)
    for _ in range(40):
        again = await life.one_pass()
        cluster.run_jobs()
        life.seconds += again or 1
    return cluster


async def test_a_batch_that_goes_well_tells_its_phases_alone() -> None:
    cluster = await lived(batch())
    assert told(cluster) == [("Normal", "Planning"), ("Normal", "CompletedWithFailures")]


@pytest.mark.parametrize(
    ("faults", "reason"),
    [
        ({"forbid": lambda path: path.endswith("/jobs")}, "PodsBlocked"),
        ({"exit_code": {Step.PLAN: 3}}, "ConfigurationRefused"),
    ],
)
async def test_what_stalls_a_batch_is_a_warning_once(
    faults: dict[str, Any], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    cluster = await lived(batch(), **faults)
    assert told(cluster) == [("Normal", "Planning"), ("Warning", reason)]
    [line] = [record for record in caplog.records if f"shop/spring: {reason}: " in record.message]
    assert line.levelno == logging.WARNING


async def test_blocked_pods_are_a_warning() -> None:
    cluster = applied(batch())
    life = Life(cluster, SETTINGS)
    await life.one_pass()
    life.seconds = 61
    for _ in range(3):
        await life.one_pass()
    assert told(cluster) == [("Normal", "Planning"), ("Warning", "PodsBlocked")]


async def test_a_refusal_that_waits_is_a_warning_and_so_is_one_that_ends_the_batch() -> None:
    cluster = applied(batch())
    del cluster.objects["/api/v1/namespaces/shop/serviceaccounts/imagebatch-runner"]
    life = Life(cluster, SETTINGS)
    for _ in range(3):
        await life.one_pass()
    assert told(cluster) == [("Warning", "StorageNotConfigured")]
    refused = await lived(batch().spec(source={"s3": {"key": "elsewhere.csv"}}))
    assert told(refused) == [("Warning", "SourceNotAllowed")]


async def test_waiting_for_an_earlier_batch_is_no_warning() -> None:
    cluster = await lived(batch().spec(reuseFrom={"name": "winter"}))
    assert told(cluster)[0] == ("Normal", "EarlierBatchNotFound")


async def test_pods_that_fail_and_are_tried_again_are_a_line_of_log_and_no_event(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cluster = applied(batch())
    life = Life(cluster, SETTINGS)
    await life.one_pass()
    [job] = cluster.jobs()
    path = jobs_path("shop", job["metadata"]["name"])
    cluster.add(path, {**job, "status": {"active": 1, "ready": 1, "failed": 1}})
    pod = path.replace("/apis/batch/v1/", "/api/v1/").replace("/jobs/", "/pods/") + "-a"
    ended = {"exitCode": 137, "reason": "OOMKilled", "finishedAt": "2026-01-02T03:05:00Z"}
    status = {"phase": "Failed", "containerStatuses": [{"state": {"terminated": ended}}]}
    cluster.add(pod, {"metadata": {"name": pod.rpartition("/")[2]}, "status": status})
    for _ in range(3):
        await life.one_pass()
    assert told(cluster) == [("Normal", "Planning")]
    lines = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert [line.getMessage() for line in lines] == [
        "batch shop/spring: Retrying: exit code 137 (OOMKilled)"
    ]


async def test_each_failed_delivery_of_a_webhook_is_a_warning_and_the_last_is_none(
    receiver: Receiver, tmp_path: Any
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    settings = SETTINGS.model_copy(
        update={"fetch_allow": "127.0.0.1", "signing_secret_file": secret}
    )
    receiver.answers = [web.HTTPInternalServerError.status_code, 503]
    cluster = await lived(batch().webhook(receiver.url), settings)
    assert told(cluster)[2:] == [
        ("Warning", "PendingDelivery"),
        ("Warning", "PendingDelivery"),
        ("Normal", "Delivered"),
    ]
    assert cluster.events[2]["message"] == "webhook not delivered: attempt 1: HTTP 500"


async def test_a_webhook_that_may_not_be_sent_is_a_warning(tmp_path: Any) -> None:
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    closed = SETTINGS.model_copy(update={"signing_secret_file": secret})
    cluster = await lived(batch().webhook("http://127.0.0.1:2/done"), closed)
    assert ("Warning", "ReceiverAddressRefused") in told(cluster)
