"""The metrics of an operator that runs: scraped as Prometheus does it."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable

from prometheus_client.parser import text_string_to_metric_families

from hosttools.ports import free_port
from imagebatch_core.job import RunnerMessage, Step, Totals
from integration.operator.driver import NAMESPACE, Api, Operator, Receiver, eventually

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scraped(port: int) -> Samples:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
        assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        text = response.read().decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples.get((name, frozenset(labels.items())), 0.0)


def test_a_batch_shows_in_the_metrics_of_the_operator_that_leads_and_of_no_other(
    api: Api, receiver: Receiver, operators: Callable[..., Operator]
) -> None:
    port, other = free_port(), free_port()
    leading = operators(IMAGEBATCH_METRICS_PORT=str(port))
    leading.start()
    standby = operators(IMAGEBATCH_METRICS_PORT=str(other))
    standby.begin()
    eventually(standby.healthy, "the standby's health")
    assert value(scraped(port), "imagebatch_leader") == 1
    assert value(scraped(other), "imagebatch_leader") == 0

    before = scraped(port)
    api.batch("measured", webhook={"url": receiver.url})
    job = api.job("measured", "plan")
    eventually(
        lambda: value(scraped(port), "imagebatch_batches_running", namespace=NAMESPACE) == 1,
        "a running batch in the metrics",
    )
    totals = Totals(succeeded=1, bytes_in=900, bytes_out=300)
    message = RunnerMessage(
        step=Step.COLLECT, products=1, images=1, shards=1, totals=totals,
        report_key="k", report_sha256="0" * 64,
    )  # fmt: skip
    api.finish_pods(job["metadata"]["name"], message)
    eventually(lambda: api.phase("measured") == "Completed", "the batch's end")
    eventually(
        lambda: value(scraped(port), "imagebatch_webhook_attempts_total", outcome="delivered"),
        "the webhook's attempt",
    )
    after = scraped(port)

    def grown(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    assert grown("imagebatch_images_total", result="succeeded") == 1
    assert grown("imagebatch_bytes_total", direction="in") == 900
    assert grown("imagebatch_bytes_total", direction="out") == 300
    assert grown("imagebatch_queue_adds_total") > 2
    assert grown("imagebatch_queue_latency_seconds_count") > 2
    assert grown("imagebatch_api_requests_total", verb="POST", code="201") >= 1
    assert grown("imagebatch_api_requests_total", verb="PATCH", code="200") >= 2
    completed = value(after, "imagebatch_batches", phase="Completed", reason="Completed")
    assert completed >= 1, {k: v for k, v in after.items() if k[0] == "imagebatch_batches"}
    ages = [v for (name, _), v in after.items() if name == "imagebatch_watch_age_seconds"]
    assert len(ages) >= 2
    assert all(0 <= age < 600 for age in ages)
    assert not any("measured" in str(labels) for _, labels in after)
    assert value(scraped(other), "imagebatch_queue_adds_total") == 0
