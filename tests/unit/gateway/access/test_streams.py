"""Claims about the limits on event streams."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx
import pytest

from imagebatch_gateway import metrics
from imagebatch_gateway.requests import events
from unit.gateway.builders import BatchBuilder, FakeBatches

CALL = "/api/requests/summer-2026/events"
Maker = Callable[..., httpx.AsyncClient]


@pytest.fixture(autouse=True)
def _running(monkeypatch: pytest.MonkeyPatch, batches: FakeBatches, batch: BatchBuilder) -> None:
    monkeypatch.setattr(events, "LOOK_SECONDS", 0.01)
    batches.add(batch.running(done=1, total=2).build())


def open_streams() -> float:
    value = metrics.REGISTRY.get_sample_value("imagebatch_gateway_event_streams")
    assert value is not None
    return value


async def opened(http: httpx.AsyncClient, count: int) -> list[asyncio.Task[httpx.Response]]:
    before = open_streams()
    tasks = [asyncio.create_task(http.get(CALL)) for _ in range(count)]
    async with asyncio.timeout(30):
        while open_streams() < before + count:  # noqa: ASYNC110 - the metric has no event for it
            await asyncio.sleep(0.01)
    return tasks


@pytest.mark.parametrize(
    ("limits", "status", "code"),
    [
        ({"event_streams_per_caller": 2}, 429, "too-many-streams"),
        ({"event_streams": 2}, 503, "no-room-for-stream"),
    ],
)
async def test_a_stream_too_many_is_refused_until_another_has_ended(
    client_of: Maker,
    batches: FakeBatches,
    batch: BatchBuilder,
    *,
    limits: dict[str, int],
    status: int,
    code: str,
) -> None:
    http, before = client_of(**limits), open_streams()
    streams = await opened(http, 2)
    refused = await http.get(CALL)
    assert (refused.status_code, refused.headers["retry-after"]) == (status, "30")
    assert refused.json()["type"] == f"urn:imagebatch:problem:{code}"
    assert (await http.get("/api/requests/summer-2026")).status_code == 200

    batches.add(batch.completed(succeeded=2).build())
    async with asyncio.timeout(30):
        await asyncio.gather(*streams)
    assert (await http.get(CALL)).status_code == 200
    assert open_streams() == before


async def test_what_is_refused_otherwise_holds_no_room(client_of: Maker) -> None:
    http, before = client_of(event_streams_per_caller=1), open_streams()
    for _ in range(3):
        assert (await http.get("/api/requests/none/events")).status_code == 404
    assert open_streams() == before
