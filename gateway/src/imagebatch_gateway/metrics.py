"""Metrics of the gateway for Prometheus, served on a separate port."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import start_http_server

from imagebatch_core.errors import ConfigurationRefused

REGISTRY: Final = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

_PREFIX: Final = "imagebatch_gateway"

REQUESTS: Final = Counter(
    f"{_PREFIX}_requests",
    "Requests that were answered.",
    ("method", "route", "code"),
    registry=REGISTRY,
)
SECONDS: Final = Histogram(
    f"{_PREFIX}_request_seconds",
    "Time from the start of a request to the end of its response.",
    ("route",),
    buckets=(0.005, 0.02, 0.1, 0.5, 2, 10, 60, 600),
    registry=REGISTRY,
)
RECEIVED: Final = Counter(
    f"{_PREFIX}_received_bytes", "Bytes of the bodies of requests.", registry=REGISTRY
)
SENT: Final = Counter(
    f"{_PREFIX}_sent_bytes", "Bytes of the bodies of responses.", registry=REGISTRY
)
UPLOADS: Final = Gauge(
    f"{_PREFIX}_uploads_under_way",
    "Calls that send a file or make a request and are not answered yet.",
    registry=REGISTRY,
)
EVENT_STREAMS: Final = Gauge(
    f"{_PREFIX}_event_streams",
    "Streams of server-sent events that are open.",
    registry=REGISTRY,
)
STORE: Final = Counter(
    f"{_PREFIX}_store_calls",
    "Calls to the object store, by how they ended: ok, missing or failed.",
    ("outcome",),
    registry=REGISTRY,
)
CACHE: Final = Counter(
    f"{_PREFIX}_cache_lookups",
    "Look-ups in what the gateway remembers: hit or miss.",
    ("cache", "result"),
    registry=REGISTRY,
)


def looked_up(cache: str, *, hit: bool) -> None:
    """Count a look-up in a cache."""
    CACHE.labels(cache, "hit" if hit else "miss").inc()


def serve(host: str, port: int) -> None:
    """Serve the metrics from a thread, until the process ends.

    Raises:
        ConfigurationRefused: the port cannot be used.
    """
    try:
        start_http_server(port, host, registry=REGISTRY)
    except OSError as error:
        raise ConfigurationRefused(
            f"IMAGEBATCH_METRICS_PORT={port}: {error.strerror or error}; 0 serves no metrics"
        ) from error
