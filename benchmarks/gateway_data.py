"""What the reads are measured on: a running batch of a million images, and many requests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import httpx
import obstore
from obstore.store import S3Store

from imagebatch_core.history_keys import HistoryKeys
from imagebatch_core.job import Totals
from imagebatch_core.keys import BatchKeys
from imagebatch_core.progress import PodProgress
from imagebatch_core.results import ImageResult, ImageStatus
from integration.gateway.driver import NAMESPACE, Operator

ROWS: Final = 1_000_000
REQUESTS: Final = 10_000
API: Final = f"/apis/imagebatch.dev/v1alpha1/namespaces/{NAMESPACE}/imagebatches"
_PER_SHARD: Final = 5000
#: The shards whose images are all recorded: those before this one. The next ones run.
_DONE: Final = ROWS * 95 // 100 // _PER_SHARD
_RUNNING: Final = 4
#: Results of a part, and the pod that recorded all of them.
_PART: Final = 25
_POD: Final = "0b5d5e9a-6f4b-4a0e-9d0a-3f0c6a1c7f10"
_AT_ONCE: Final = 16


def running_batch(http: httpx.Client, operator: Operator, folder: Path) -> str:
    """Upload a catalogue of a million images, plan it, and return the name of its batch."""
    path = folder / "million.csv"
    with path.open("w") as file:
        file.write("S. No.,Product Name,Input Image Urls\n")
        file.writelines(f"{n},Product {n},{_url(n)}\n" for n in range(1, ROWS + 1))
    with path.open("rb") as content:
        made = http.post(
            "/api/upload",
            files={"file": ("million.csv", content)},
            data={"imagesPerShard": str(_PER_SHARD)},
        )
    made.raise_for_status()
    name: str = made.json()["requestId"]
    planned = operator.runner(name).run("plan")
    if planned.message is None or planned.message.images != ROWS:
        raise RuntimeError(f"plan ended with {planned.code}: {planned.log[-2000:]}")
    operator.started(name, planned.message)
    return name


def recorded(store: S3Store, keys: BatchKeys) -> Callable[[], None]:
    """Write what compress pods have recorded of the batch so far: the progress of all shards, and
    the results of the shard before row 900,000.

    Return a function that lets the pods of the running shards record more.
    """
    whole = _progress(_PER_SHARD)
    for shard in range(_DONE):
        obstore.put(store, keys.pod_progress(shard, _POD), whole)
    last = ROWS * 9 // 10
    shard = last // _PER_SHARD - 1
    for number, row in enumerate(range(shard * _PER_SHARD + 1, last, _PART)):
        rows = range(row, row + _PART)
        key = keys.part(shard, _POD, number, (rows[0], rows[-1]))
        obstore.put(store, key, "".join(map(_result, rows)).encode())
    done = 0

    def record_more() -> None:
        nonlocal done
        done += 1
        for running in range(_DONE, _DONE + _RUNNING):
            obstore.put(store, keys.pod_progress(running, _POD), _progress(done))

    record_more()
    return record_more


def many_requests(api: httpx.Client, store: S3Store, batch: dict[str, Any]) -> None:
    """Make further requests like ``batch`` at the API server, and their records in the store."""
    spec, meta = batch["spec"], batch["metadata"]

    def create(number: int) -> tuple[int, str]:
        body = {
            "apiVersion": "imagebatch.dev/v1alpha1",
            "kind": "ImageBatch",
            "metadata": {"name": f"request-{number:05d}", "annotations": meta["annotations"]},
            "spec": spec,
        }
        created = api.post(API, json=body)
        created.raise_for_status()
        made = created.json()["metadata"]
        at = datetime.fromisoformat(made["creationTimestamp"])
        return int(at.timestamp()), made["name"]

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        made = list(pool.map(create, range(REQUESTS - 1)))
    asyncio.run(_put_records(store, made))


async def _put_records(store: S3Store, made: list[tuple[int, str]]) -> None:
    keys = HistoryKeys(NAMESPACE)
    waiting: Iterator[tuple[int, str]] = iter(made)

    async def put() -> None:
        # Of a request whose resource exists the record is never read.
        for created, name in waiting:
            await obstore.put_async(store, keys.record(created, name), json.dumps({}).encode())

    await asyncio.gather(*(put() for _ in range(_AT_ONCE)))


def _url(row: int) -> str:
    return f"https://cdn.example.com/img/{row}.jpg"


def _progress(images: int) -> bytes:
    totals = Totals(succeeded=images, bytes_in=265_441 * images, bytes_out=81_204 * images)
    return PodProgress(totals=totals).model_dump_json(by_alias=True).encode()


def _result(row: int) -> str:
    digest = sha256(_url(row).encode()).hexdigest()
    return ImageResult(
        row=row,
        position=1,
        input_url=_url(row),
        status=ImageStatus.SUCCEEDED,
        output_url=f"https://files.example.com/files/{row}-1-{digest}.jpg",
        output_key=f"{row}-1-{digest}.jpg",
        http_status=200,
        attempts=1,
        bytes_in=265_441,
        bytes_out=81_204,
        width=1224,
        height=816,
        source_sha256=digest,
        etag=f'"{digest[:16]}"',
    ).to_line()
