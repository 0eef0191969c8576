"""An attacker's attempts to write headers of a response."""

from __future__ import annotations

import httpx
import pytest

from unit.gateway.builders import CSV, BatchBuilder, FakeBatches

INJECTED = "%0d%0aX-Injected:%20yes"


@pytest.mark.parametrize(
    "path",
    [
        f"/api/download/summer-2026{INJECTED}",
        f"/api/download/summer-2026?format=csv{INJECTED}",
        f"/files/shop/a{INJECTED}.jpg",
        f"/api/requests/summer-2026/sources/1-1{INJECTED}.png",
        f"/api/status/summer-2026?cursor=1{INJECTED}",
        f"/api/requests?q=a{INJECTED}&limit=1",
        f"/requests/summer-2026{INJECTED}",
    ],
)
async def test_no_part_of_an_address_becomes_a_header(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder, path: str
) -> None:
    batches.add(batch.completed(succeeded=1).reported().build())
    answer = await http.get(path)

    assert "x-injected" not in answer.headers
    assert answer.status_code < 500


async def test_the_name_of_an_uploaded_file_becomes_no_header(http: httpx.AsyncClient) -> None:
    name = 'a".csv\r\nX-Injected: yes'
    made = await http.post("/api/upload", files={"file": (name, CSV)})
    assert made.status_code == 200
    request = await http.get(f"/api/requests/{made.json()['requestId']}")
    for answer in (made, request):
        assert "x-injected" not in answer.headers


async def test_an_id_that_is_no_id_is_not_repeated_in_the_response(http: httpx.AsyncClient) -> None:
    answer = await http.get("/healthz", headers={"X-Request-Id": "a b; X-Injected=yes"})

    assert "Injected" not in answer.headers["x-request-id"]
