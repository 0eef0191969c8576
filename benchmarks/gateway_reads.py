"""Benchmark reads: what a call costs, beside one GET of the resource at the API server."""

from __future__ import annotations

import os
import re
import ssl
import statistics
import tempfile
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import yaml

from hosttools.processes import running
from imagebatch_core.keys import BatchKeys
from integration.gateway.driver import NAMESPACE, Cluster, Gateway, Operator
from support.seaweedfs import SeaweedFS

from . import process_cost
from .gateway_data import API, REQUESTS, ROWS, many_requests, recorded, running_batch
from .section import Table

#: Time after which counts, listings and parts are read anew.
_STALE_SECONDS: Final = 2.1


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one call: CPU and wall time in seconds, requests to S3 and the API server."""

    cpu: float
    wall: float
    s3: float
    api: float

    def cells(self, get: Cost) -> list[str]:
        return [
            f"{self.s3:.1f}",
            f"{self.api:.1f}",
            f"{self.cpu * 1000:.1f}",
            f"{self.cpu / get.cpu:.1f}",
            f"{self.wall / get.wall:.1f}",
        ]


class Reads:
    """Calls of a gateway, and what they cause."""

    def __init__(self, gateway: Gateway, metrics_port: int, cluster: Cluster) -> None:
        self._gateway = gateway
        self._metrics = f"http://127.0.0.1:{metrics_port}/metrics"
        self._cluster = cluster
        self._server = api_server_pid()

    def call(
        self,
        http: httpx.Client,
        path: str | Callable[[int], str],
        *,
        times: int,
        before: Callable[[], None] = lambda: None,
        status: int = 200,
        headers: dict[str, str] | None = None,
    ) -> Cost:
        """Call a path several times, each after ``before``; return the cost of one call."""
        s3, api = self._store_calls(), self._api_requests()
        cpu = 0.0
        walls = []
        for number in range(times):
            before()
            at = path if isinstance(path, str) else path(number)
            spent, begin = process_cost.cpu_seconds(self._gateway.pid), time.monotonic()
            answer = http.get(at, headers=headers)
            walls.append(time.monotonic() - begin)
            cpu += process_cost.cpu_seconds(self._gateway.pid) - spent
            if answer.status_code != status:
                raise RuntimeError(f"{at}: {answer.status_code} {answer.text[:300]}")
        return Cost(
            cpu / times,
            statistics.median(walls),
            (self._store_calls() - s3) / times,
            (self._api_requests() - api) / times,
        )

    def get(self, api: httpx.Client, name: str, times: int) -> Cost:
        """Get a resource from the API server itself; the CPU time is that of the API server."""
        walls = []
        spent = process_cost.cpu_seconds(self._server)
        for _ in range(times):
            begin = time.monotonic()
            api.get(f"{API}/{name}").raise_for_status()
            walls.append(time.monotonic() - begin)
        cpu = process_cost.cpu_seconds(self._server) - spent
        return Cost(cpu / times, statistics.median(walls), 0, 1)

    def _store_calls(self) -> float:
        return _sum(httpx.get(self._metrics).text, r"imagebatch_gateway_store_calls_total\{.*\}")

    def _api_requests(self) -> float:
        """All requests for ImageBatches that the API server has answered; watches count when they
        end. Nothing but the gateway and this benchmark makes any."""
        text = self._cluster.plane.kubectl("get", "--raw", "/metrics")
        return _sum(text, r'apiserver_request_total\{.*resource="imagebatches".*\}')


def _sum(metrics: str, pattern: str) -> float:
    return sum(float(value) for value in re.findall(rf"^{pattern} (\S+)$", metrics, re.MULTILINE))


def api_server_pid() -> int:
    (pid,) = [
        process.pid
        for process in running()
        if process.parent == os.getpid() and Path(process.words[0]).name == "kube-apiserver"
    ]
    return pid


@contextmanager
def api_client(kubeconfig: Path) -> Iterator[httpx.Client]:
    """Yield a client of the API server, as the administrator."""
    config = yaml.safe_load(kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    context = ssl.create_default_context(
        cadata=b64decode(cluster["certificate-authority-data"]).decode()
    )
    with tempfile.TemporaryDirectory() as folder:
        pair = Path(folder) / "pair.pem"
        pair.touch(0o600)
        pair.write_bytes(
            b64decode(user["client-certificate-data"]) + b64decode(user["client-key-data"])
        )
        context.load_cert_chain(pair)
    with httpx.Client(base_url=cluster["server"], verify=context, timeout=60) as client:
        yield client


def run(
    reads: Reads, http: httpx.Client, gateway: Gateway, cluster: Cluster, s3: SeaweedFS
) -> Table:
    """Measure the calls about a running batch and among many requests."""
    with api_client(cluster.plane.kubeconfig) as api, tempfile.TemporaryDirectory() as folder:
        print(f"    a batch of {ROWS:,} images", flush=True)
        operator = Operator(cluster, s3, gateway, Path(folder))
        name = running_batch(http, operator, Path(folder))
        batch = cluster.get(name)
        record_more = recorded(s3.store(), BatchKeys.of(NAMESPACE, batch["metadata"]["uid"]))
        print(f"    {REQUESTS:,} requests", flush=True)
        many_requests(api, s3.store(), batch)
        get = reads.get(api, name, 200)
        found = _of_a_batch(reads, http, name, record_more) | _of_lists(reads, http)
    rows = [[call, *cost.cells(get)] for call, cost in found.items()]
    rows.append(["one GET at the API server", "0", "1", f"{get.cpu * 1000:.1f}", "1", "1"])
    for row in rows:
        print(f"    {row}", flush=True)
    columns = ["Call", "requests to S3", "to the API server", "CPU ms", "CPU, GET = 1"]
    return Table("A read", [*columns, "time, GET = 1"], rows)


def _of_a_batch(
    reads: Reads, http: httpx.Client, name: str, record_more: Callable[[], None]
) -> dict[str, Cost]:
    status, products = f"/api/status/{name}", f"/api/products/{name}?limit=100&cursor="
    last = ROWS * 9 // 10

    def later() -> None:
        record_more()
        time.sleep(_STALE_SECONDS)

    http.get(status).raise_for_status()
    anew = reads.call(http, status, times=5, before=later)
    again = reads.call(http, status, times=100)
    etag = {"If-None-Match": http.get(status).headers["ETag"]}
    return {
        "status of the running batch, counted anew": anew,
        "status, counted less than 2 s ago": again,
        "status, unchanged (304)": reads.call(http, status, times=100, status=304, headers=etag),
        f"100 products before row {last:,}, the first time": reads.call(
            http, lambda number: f"{products}{last - 100 * (number + 1)}-1", times=10
        ),
        "the same products again": reads.call(http, f"{products}{last - 100}-1", times=50),
    }


def _of_lists(reads: Reads, http: httpx.Client) -> dict[str, Cost]:
    path = "/api/requests"
    middle = f"{path}?limit=1000"
    for _ in range(REQUESTS // 2000):
        middle = http.get(middle).raise_for_status().json()["next"]
    middle = middle.replace("limit=1000", "limit=100")

    def later() -> None:
        time.sleep(_STALE_SECONDS)

    return {
        f"the newest 100 of {REQUESTS:,} requests": reads.call(http, path, times=5, before=later),
        "the same, listed less than 2 s ago": reads.call(http, path, times=50),
        "100 requests from the middle": reads.call(http, middle, times=5, before=later),
    }
