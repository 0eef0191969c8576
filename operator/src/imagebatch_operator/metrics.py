"""The operator's metrics, each defined once: ``docs/reference/metrics.md`` is generated from here.

No label has the name of a batch: there may be any number of them. Counters begin at 0 when the
process starts. The standby has no batches and counts nothing of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from imagebatch_core.results import ImageStatus
from imagebatch_core.status import ImageBatchStatus

#: The media type of the text format that :func:`exposition` returns.
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
REGISTRY: Final = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

_LATENCIES: Final = (0.001, 0.005, 0.02, 0.1, 0.5, 1, 5, 20, 60, 300)


@dataclass(frozen=True, slots=True)
class Definition:
    """A metric as the reference describes it; a counter's name ends in ``_total``."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    meaning: str


DEFINITIONS: Final[list[Definition]] = []


def _counter(name: str, meaning: str, *labels: str) -> Counter:
    DEFINITIONS.append(Definition(f"{name}_total", "counter", labels, meaning))
    return Counter(name, meaning, labels, registry=REGISTRY)


def _histogram(name: str, meaning: str) -> Histogram:
    DEFINITIONS.append(Definition(name, "histogram", (), meaning))
    return Histogram(name, meaning, registry=REGISTRY, buckets=_LATENCIES)


def _gauge(name: str, meaning: str, *labels: str) -> Definition:
    """Define a gauge whose values are read when somebody scrapes."""
    defined = Definition(name, "gauge", labels, meaning)
    DEFINITIONS.append(defined)
    return defined


LEADER: Final = _gauge("imagebatch_leader", "1 in the operator that leads, 0 in the others.")
QUEUE_DEPTH: Final = _gauge(
    "imagebatch_queue_depth", "Batches that wait for a pass of the operator."
)
QUEUE_ADDS: Final = _counter("imagebatch_queue_adds", "Batches that were put into the queue.")
QUEUE_LATENCY: Final = _histogram(
    "imagebatch_queue_latency_seconds", "Seconds that a batch waited in the queue."
)
QUEUE_RETRIES: Final = _counter(
    "imagebatch_queue_retries", "Passes that failed and are repeated after a back-off."
)
PASS_SECONDS: Final = _histogram("imagebatch_pass_seconds", "Seconds that a pass took.")
API_REQUESTS: Final = _counter(
    "imagebatch_api_requests",
    "Requests to the API server, by verb and HTTP status; code is none if there was no response. "
    "The watches, which Kopf makes, are not among them.",
    "verb",
    "code",
)
WATCH_AGE: Final = _gauge(
    "imagebatch_watch_age_seconds",
    "Seconds since the last event of a watch. Where nothing changes, nothing is sent. namespace is "
    "empty for a watch of the whole cluster.",
    "resource",
    "namespace",
)
BATCHES: Final = _gauge(
    "imagebatch_batches",
    "ImageBatches, by phase and reason: that of the condition Succeeded once it has ended, of "
    "Reconciling before.",
    "phase",
    "reason",
)
WAITING: Final = _gauge(
    "imagebatch_batches_waiting", "ImageBatches in the phase Pending, by namespace.", "namespace"
)
RUNNING: Final = _gauge(
    "imagebatch_batches_running", "ImageBatches in the phase Processing, by namespace.", "namespace"
)
IMAGES: Final = _counter(
    "imagebatch_images",
    f"Images of collected batches, by result: {', '.join(ImageStatus)}.",
    "result",
)
BYTES: Final = _counter(
    "imagebatch_bytes",
    "Bytes of the images of collected batches: direction in for sources, out for outputs.",
    "direction",
)
SHARD_RERUNS: Final = _counter(
    "imagebatch_shard_reruns",
    "Repeated work on shards: cause pod for a pod that failed and is replaced, job for a shard Job "
    "that is replaced by its next run.",
    "cause",
)
WEBHOOK_ATTEMPTS: Final = _counter(
    "imagebatch_webhook_attempts",
    "Attempts to deliver a webhook: delivered; rejected for a response other than 2xx; unreachable "
    "for none; not_sent where the address or the Secret is refused.",
    "outcome",
)


@dataclass(frozen=True, slots=True)
class State:
    """The values of the gauges at the time of a scrape."""

    leader: bool = False
    queue_depth: int = 0
    watch_ages: Mapping[tuple[str, str], float] | None = None
    batches: Mapping[tuple[str, str], int] | None = None
    waiting: Mapping[tuple[str], int] | None = None
    running: Mapping[tuple[str], int] | None = None


class Gauges(Collector):
    """Reads the state at each scrape; ``read`` is set by the part of the program that knows it."""

    def __init__(self) -> None:
        self.read: Callable[[], State] = State

    def collect(self) -> Iterator[Metric]:
        state = self.read()
        for defined, values in (
            (LEADER, {(): float(state.leader)}),
            (QUEUE_DEPTH, {(): float(state.queue_depth)}),
            (WATCH_AGE, state.watch_ages),
            (BATCHES, state.batches),
            (WAITING, state.waiting),
            (RUNNING, state.running),
        ):
            family = GaugeMetricFamily(defined.name, defined.meaning, labels=defined.labels)
            for labels, value in (values or {}).items():
                family.add_metric(labels, value)
            yield family


GAUGES: Final = Gauges()
REGISTRY.register(GAUGES)


def exposition() -> bytes:
    """Return all metrics in the text format of Prometheus."""
    return generate_latest(REGISTRY)


def count_status(before: ImageBatchStatus, after: ImageBatchStatus) -> None:
    """Count what a written status adds: the images of a report, and further runs of shard Jobs."""
    images = after.images
    if images is not None and images.succeeded is not None and not _collected(before):
        for status in ImageStatus:
            IMAGES.labels(status.value).inc(getattr(images, status.value) or 0)
        if after.bytes is not None:
            BYTES.labels("in").inc(after.bytes.in_)
            BYTES.labels("out").inc(after.bytes.out)
    runs = (before.runs.shards if before.runs else []), (after.runs.shards if after.runs else [])
    for old, new in zip(*runs, strict=False):
        if new > old:
            SHARD_RERUNS.labels("job").inc(new - old)


def count_failed_pods(before: int, now: int) -> None:
    """Count the pods of a shard Job that failed since the Job was seen before."""
    if now > before:
        SHARD_RERUNS.labels("pod").inc(now - before)


def count_attempt(code: int | None, *, delivered: bool, refused: bool) -> None:
    """Count an attempt to deliver a webhook; ``refused`` if nothing was sent."""
    outcome = "delivered" if delivered else "unreachable" if code is None else "rejected"
    WEBHOOK_ATTEMPTS.labels("not_sent" if refused else outcome).inc()


def _collected(status: ImageBatchStatus) -> bool:
    return status.images is not None and status.images.succeeded is not None
