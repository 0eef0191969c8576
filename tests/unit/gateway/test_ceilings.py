"""The gateway refuses what the operator would refuse, with the same words, and keeps nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from obstore.store import MemoryStore

from imagebatch_core.ceilings import Ceilings
from unit.gateway.builders import CSV, BatchBuilder, FakeBatches, uploads_in

CEILINGS = Ceilings.model_validate({"parallelism": 20, "imagesPerShard": {"from": 50}, "images": 4})
LARGE = b"S. No.,Product Name,Input Image Urls\n1,Cat," + b",".join(
    b"https://a.example/%d.jpg" % n for n in range(5)
)
TOO_MANY = "file: the input has more than 4 images"

Client = Callable[..., httpx.AsyncClient]


@pytest.fixture
def http(client_of: Client) -> httpx.AsyncClient:
    return client_of(ceilings=CEILINGS)


def over(spec: dict[str, Any]) -> str:
    """The operator's words."""
    made = BatchBuilder(spec=spec).build()
    return "; ".join(str(one).removeprefix("spec.") for one in CEILINGS.exceeded(made.spec))


@pytest.mark.parametrize(
    ("options", "spec"),
    [
        ({"parallelism": "21"}, {"parallelism": 21}),
        ({"imagesPerShard": "49"}, {"images_per_shard": 49}),
    ],
)
async def test_an_upload_over_a_ceiling_is_refused_in_the_operators_words(
    http: httpx.AsyncClient,
    store: MemoryStore,
    batches: FakeBatches,
    *,
    options: dict[str, str],
    spec: dict[str, Any],
) -> None:
    answer = await http.post("/api/upload", files={"file": ("p.csv", CSV)}, data=options)
    assert (answer.status_code, answer.json()["message"]) == (422, over(spec))
    assert (uploads_in(store), batches.stored) == ([], {})


async def test_a_request_over_a_ceiling_is_refused(
    http: httpx.AsyncClient, batches: FakeBatches
) -> None:
    body = {"source": {"url": "https://a.example/p.csv"}, "parallelism": 21}
    answer = await http.post("/api/requests", json=body)
    assert (answer.status_code, answer.json()["message"]) == (422, over({"parallelism": 21}))
    body = {"source": {"inline": LARGE.decode()}}
    answer = await http.post("/api/requests", json=body)
    assert answer.status_code == 422
    assert answer.json()["message"].startswith(TOO_MANY)
    assert batches.stored == {}


@pytest.mark.parametrize("path", ["/api/upload", "/api/validate"])
async def test_a_file_of_too_many_images_is_refused(
    http: httpx.AsyncClient, store: MemoryStore, path: str
) -> None:
    answer = await http.post(path, files={"file": ("p.csv", LARGE)})
    assert answer.status_code == 422
    assert answer.json()["message"].startswith(TOO_MANY)
    assert answer.json()["errors"][0]["field"] == "file"
    assert uploads_in(store) == []


async def test_a_change_over_a_ceiling_is_refused_and_another_one_of_the_same_request_is_not(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.running(done=1, total=2).build())
    path = "/api/requests/summer-2026"
    answer = await http.patch(path, json={"parallelism": 21})
    assert (answer.status_code, answer.json()["message"]) == (422, over({"parallelism": 21}))
    assert batches.stored["summer-2026"].spec.parallelism == 4
    batches.add(BatchBuilder(spec={"parallelism": 90}).running(done=1, total=2).build())
    assert (await http.patch(path, json={"suspend": True})).status_code == 200
    assert (await http.patch(path, json={"parallelism": 20})).status_code == 200
