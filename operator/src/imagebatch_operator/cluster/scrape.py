"""Serve ``/metrics`` on a port of its own, and read what the gauges show from the cache."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from imagebatch_core.reasons import ConditionType, Phase
from imagebatch_operator import metrics

from .cache import Body, Cache
from .http_port import served
from .progress import WatchProgress
from .work_queue import WorkQueue


@asynccontextmanager
async def metrics_served(port: int | None) -> AsyncIterator[int | None]:
    """Serve the metrics during the block, which gets the port; without one, serve nothing.

    A ``port`` of 0 chooses a free one.
    """
    if port is None:
        yield None
        return
    app = web.Application()
    app.router.add_get("/metrics", _answer)
    async with served(app, port) as bound:
        yield bound


def read_state(cache: Cache, queue: WorkQueue, progress: WatchProgress) -> metrics.State:
    """Return the state of the operator that leads."""
    batches: Counter[tuple[str, str]] = Counter()
    by_namespace: dict[Phase, Counter[tuple[str]]] = {
        Phase.PENDING: Counter(),
        Phase.PROCESSING: Counter(),
    }
    for key in cache.keys_now():
        body = cache.batch(key)
        if body is not None:
            phase, reason = _phase_and_reason(body)
            batches[phase, reason] += 1
            if phase in by_namespace:
                by_namespace[Phase(phase)][key[0],] += 1
    return metrics.State(
        leader=True,
        queue_depth=queue.depth,
        watch_ages=progress.ages(),
        batches=batches,
        waiting=by_namespace[Phase.PENDING],
        running=by_namespace[Phase.PROCESSING],
    )


def _phase_and_reason(body: Body) -> tuple[str, str]:
    """Return phase and reason of a batch: why it ended, or what it does or waits for."""
    status = body.get("status") or {}
    phase = str(status.get("phase") or Phase.PENDING)
    reasons = {c.get("type"): str(c.get("reason", "")) for c in status.get("conditions") or []}
    ended = phase in set(Phase) and Phase(phase).finished
    return phase, reasons.get(ConditionType.SUCCEEDED if ended else ConditionType.RECONCILING, "")


async def _answer(_request: web.Request) -> web.Response:
    return web.Response(body=metrics.exposition(), headers={"Content-Type": metrics.CONTENT_TYPE})
