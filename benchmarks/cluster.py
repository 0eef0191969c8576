"""A batch on the local cluster: how much of its time has no image under way.

Every batch goes through the gateway. The image host in the cluster notes when each photograph was
asked for, and the time from the upload to Completed is cut into slices: a slice without a request
is one in which the batch waited for pods, for plan or for collect.
"""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from hosttools.ports import free_port
from stack.cluster import OwnCluster, Ports
from stack.gateway_client import upload
from stack.samplehost_manifests import SAMPLEHOST_URL
from stack.stack import Stack

from .cluster_alone import seconds_alone
from .section import Bar, Chart, Section, Table

#: Seconds; on two cores even photographs of 4 megapixels follow each other more closely.
_SLICE: Final = 0.25
#: The size of a shard before plan chose it.
_FIXED: Final = "500"
_LONGEST: Final = 1200.0
_PODS: Final = 4
#: Seconds between two looks at a batch's status.
_LOOK: Final = 0.05
#: Above this many images a batch runs once: it is as good as several short ones.
_LONG: Final = 5000

_TEXT = f"""
Batches through the gateway of the local cluster, `parallelism: 4`, from the upload to Completed. A
slice of {_SLICE} s counts as idle when the image host in the cluster was asked for no photograph in
it: pods start, plan or collect runs, or Kubernetes has not yet noticed an end. Each batch ran with
shards of {_FIXED} images and with shards as plan chooses them, one after the other in one run. The
small photographs have 480 × 360 pixels, the large ones 2000 × 2000.

The second table compares the batch of large photographs, from the upload to Completed, with the
same photographs in one process in the cluster that does plan, compress and collect as
`imagebatch-runner local` does: with the same image host, the same S3 and as many decoders as all
pods of the batch together. The time of that process counts without the start of its pod.
"""


@dataclass(frozen=True, slots=True)
class Batch:
    """One row of the table: ``address`` has a place for the image's number."""

    name: str
    images: int
    address: str


_SMALL: Final = f"{SAMPLEHOST_URL}/photos/n/{{}}.jpg"
_LARGE: Final = f"{SAMPLEHOST_URL}/photos/astronaut.jpg?{{}}"
BATCHES: Final = (
    Batch("10 small", 10, _SMALL),
    Batch("500 small", 500, _SMALL),
    Batch("5,000 small", 5000, _SMALL),
    Batch("50,000 small", 50_000, _SMALL),
    Batch("2,000 of 4 megapixels", 2000, _LARGE),
)
#: The batch that is compared with one process.
_COMPARED: Final = BATCHES[-1]


@dataclass(frozen=True, slots=True)
class Seen:
    """One run of a batch: seconds in all, until the first request and after the last one.

    ``idle`` is the share of slices without a request, from 0 to 1.
    """

    seconds: float
    before: float
    after: float
    idle: float

    @classmethod
    def of(cls, began: float, ended: float, requests: list[float]) -> Seen:
        """Compute it from Unix times: of the upload, of the end, and of each request."""
        slices = max(1, round((ended - began) / _SLICE))
        busy = {int((moment - began) / _SLICE) for moment in requests}
        return cls(
            ended - began,
            min(requests) - began,
            ended - max(requests),
            1 - len(busy & set(range(slices))) / slices,
        )


def run(rounds: int) -> Section:
    with tempfile.TemporaryDirectory() as folder:
        cluster = OwnCluster("bench", Path(folder) / "kubeconfig")
        stack = Stack(cluster, Ports(free_port(), free_port()))
        stack.down()
        try:
            stack.up()
            rows, bars, compared = [], [], []
            for batch in BATCHES:
                times = min(rounds, 3) if batch.images <= _LONG else 1
                fixed, chosen = _both(stack, batch, times)
                rows.append(_row(batch, fixed, chosen))
                bars.append(_bar(batch, chosen))
                if batch == _COMPARED:
                    compared = _beside_one_process(stack, batch, times)
        finally:
            stack.down()
    table = Table(
        "Share of a batch's time without an image under way",
        [
            "Photographs",
            f"shards of {_FIXED}",
            "shards as plan chooses",
            "time, shards of 500 = 1",
            "s to the first image",
            "s after the last one",
        ],
        rows,
    )
    chart = Chart("Share of a batch's time without an image under way", "%", bars, mark=20)
    return Section("cluster", "On a cluster", _TEXT, [table, _throughput(compared)], [chart])


def _beside_one_process(stack: Stack, batch: Batch, times: int) -> list[float]:
    """Return, for each round, the batch's throughput as a multiple of that of one process."""
    decoders = _PODS * (os.cpu_count() or 1)  # a pod without a CPU limit has one for each CPU
    ratios = []
    for _ in range(times):
        seen = _measured(stack, batch)
        alone = seconds_alone(stack, _csv(batch), batch.images, decoders)
        print(f"    {batch.name} in one process: {alone:.1f} s", flush=True)
        ratios.append(alone / seen.seconds)
    return ratios


def _throughput(ratios: list[float]) -> Table:
    cell = f"{_middle(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
    return Table(
        "Throughput of a batch beside one process",
        ["Photographs", "images per second, one process = 1"],
        [[_COMPARED.name, cell]],
    )


def _both(stack: Stack, batch: Batch, times: int) -> tuple[list[Seen], list[Seen]]:
    fixed: list[Seen] = []
    chosen: list[Seen] = []
    for _ in range(times):
        fixed.append(_measured(stack, batch, imagesPerShard=_FIXED))
        chosen.append(_measured(stack, batch))
    return fixed, chosen


def _measured(stack: Stack, batch: Batch, **options: str) -> Seen:
    with httpx.Client(base_url=stack.gateway, timeout=60) as client:
        began = time.time()
        name = upload(client, _csv(batch), parallelism=str(_PODS), **options)
        ended = _ended(client, name)
        requests = httpx.get(
            f"{stack.samplehost}/times", params={"since": began}, timeout=60
        ).json()
    seen = Seen.of(began, ended, requests)
    print(f"    {batch.name} {options}: {seen}", flush=True)
    return seen


def _csv(batch: Batch) -> str:
    lines = [f"{n},Lamp {n},{batch.address.format(n)}" for n in range(1, batch.images + 1)]
    return "\n".join(["S. No.,Product Name,Input Image Urls", *lines, ""])


def _ended(client: httpx.Client, name: str) -> float:
    """Wait for the end of a batch, and return the Unix time at which the gateway reported it."""
    limit = time.monotonic() + _LONGEST
    while time.monotonic() < limit:
        status = client.get(f"/api/status/{name}").raise_for_status().json()
        if status["status"] == "completed":
            assert status["images"]["failed"] == 0, status  # noqa: S101 - no benchmark of failures
            return time.time()
        assert status["status"] in ("pending", "processing"), status  # noqa: S101
        time.sleep(_LOOK)
    raise TimeoutError(f"{name} did not end within {_LONGEST:.0f} s")


def _middle(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _row(batch: Batch, fixed: list[Seen], chosen: list[Seen]) -> list[str]:
    ratio = _middle([a.seconds / b.seconds for a, b in zip(chosen, fixed, strict=True)])
    return [
        batch.name,
        f"{100 * _middle([one.idle for one in fixed]):.0f} %",
        f"{100 * _middle([one.idle for one in chosen]):.0f} %",
        f"{ratio:.2f}",
        f"{_middle([one.before for one in chosen]):.1f}",
        f"{_middle([one.after for one in chosen]):.1f}",
    ]


def _bar(batch: Batch, chosen: list[Seen]) -> Bar:
    shares = [100 * one.idle for one in chosen]
    return Bar(batch.name, min(shares), _middle(shares), max(shares), ours=True)
