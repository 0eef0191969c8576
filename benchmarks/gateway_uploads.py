"""Benchmark uploads: the gateway and its peer, and the check of rows beside a bare csv.reader."""

from __future__ import annotations

import csv
import http.client
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx
import obstore

from hosttools.ports import free_port
from imagebatch_gateway.uploads.csv_check import check_csv
from integration.gateway.driver import Gateway
from localcluster.tied import tied
from support.seaweedfs import SeaweedFS

from . import process_cost
from .measure import Spread, here, interleaved
from .section import Table

MIB: Final = 1 << 20
#: Bytes of the files; those of the largest are measured once only.
_SIZES: Final = (1_000_000, 30_000_000, 64_000_000, 1_000_000_000)
_LARGE: Final = 200_000_000
_ROUNDS: Final = 3
_HEADER: Final = "S. No.,Product Name,Input Image Urls\n"
_FORM: Final = (
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="products.csv"\r\n\r\n'
)
_FORM_END: Final = b"\r\n--x--\r\n"
_CHECKED: Final = 64_000_000
_A: Final = "https://images.shop.example/catalogue/{n}/front.jpg"
_B: Final = "https://images.shop.example/catalogue/{n}/back.jpg"
#: Kinds of catalogues, each with one of its rows.
_KINDS: Final = {
    "two URLs in quotes": f'{{n}},Product {{n}},"{_A},{_B}"\n',
    "two URLs that run on unquoted": f"{{n}},Product {{n}},{_A},{_B}\n",
    "one URL": f"{{n}},Product {{n}},{_A}\n",
    "a name of two lines": f'{{n}},"Product {{n}}\nin red",{_A}\n',
}


@dataclass(frozen=True, slots=True)
class _Cost:
    wall: float
    cpu: float
    memory: int


def write_catalogue(path: Path, size: int, line: str = _KINDS["two URLs in quotes"]) -> Path:
    """Write a CSV of about this size."""
    numbers = range(10_000_000, 10_005_000)
    block = "".join(line.format(n=n) for n in numbers).encode()
    with path.open("wb") as file:
        file.write(_HEADER.encode())
        while file.tell() + len(block) < size:
            file.write(block)
        for number in numbers:
            if file.tell() >= size:
                break
            file.write(line.format(n=number).encode())
    return path


def run(gateway: Gateway, s3: SeaweedFS) -> Table:
    """Upload files of each size to both in turn."""
    rows = []
    with tempfile.TemporaryDirectory() as folder, _peer(s3, Path(folder)) as (peer_url, peer_pid):
        both = {
            "gateway": (f"{gateway.url}/api/upload", gateway.pid),
            "peer": (f"{peer_url}/upload", peer_pid),
        }
        for size in _SIZES:
            file = write_catalogue(Path(folder) / "products.csv", size)
            found: dict[str, list[_Cost]] = {name: [] for name in both}
            rounds = 1 if size > _LARGE else _ROUNDS
            # A small file is sent several times: the kernel counts CPU time in steps of 10 ms.
            times = max(1, 20_000_000 // size)
            for number in range(rounds + (size <= _LARGE)):
                for name, (url, pid) in list(both.items())[:: 1 if number % 2 else -1]:
                    cost = _upload(url, pid, file, times)
                    if number or rounds == 1:  # the first round of several is not measured
                        found[name].append(cost)
            _empty(s3)
            rows.append(_row(size, found["gateway"], found["peer"]))
            print(f"    {rows[-1]}", flush=True)
    return Table(
        "An upload, the peer = 1",
        ["File", "seconds", "CPU time", "peak memory", "peak memory of the peer"],
        rows,
    )


def _row(size: int, ours: list[_Cost], theirs: list[_Cost]) -> list[str]:
    pairs = list(zip(ours, theirs, strict=True))
    walls = [a.wall / b.wall for a, b in pairs]
    cpus = [a.cpu / b.cpu for a, b in pairs]
    return [
        f"{size // 1_000_000:,} MB",
        *(str(Spread(min(one), statistics.median(one), max(one))) for one in (walls, cpus)),
        *(f"{max(cost.memory for cost in costs) / MIB:.0f} MiB" for costs in (ours, theirs)),
    ]


def _upload(url: str, pid: int, file: Path, times: int) -> _Cost:
    process_cost.forget_peak(pid)
    cpu, begin = process_cost.ticks(pid), time.monotonic()
    for _ in range(times):
        _send(url, file)
    spent = time.monotonic() - begin
    return _Cost(spent, process_cost.ticks(pid) - cpu, process_cost.peak(pid))


def _send(url: str, file: Path) -> None:
    at = urlsplit(url)
    connection = http.client.HTTPConnection(at.hostname or "", at.port, timeout=300)
    connection.putrequest("POST", at.path)
    connection.putheader("Content-Type", "multipart/form-data; boundary=x")
    connection.putheader("Content-Length", str(len(_FORM) + file.stat().st_size + len(_FORM_END)))
    connection.endheaders()
    connection.send(_FORM)
    with file.open("rb") as content:
        while piece := content.read(MIB):
            connection.send(piece)
    connection.send(_FORM_END)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{url} answered {answer.status}: {text[:300]!r}")


def _empty(s3: SeaweedFS) -> None:
    keys = [item["path"] for item in obstore.list(s3.store()).collect()]
    obstore.delete(s3.store(), keys)


@contextmanager
def _peer(s3: SeaweedFS, folder: Path) -> Iterator[tuple[str, int]]:
    """Run the peer during the block; yield its URL and its pid."""
    port = free_port()
    command = tied(sys.executable, "-m", "benchmarks.gateway_peer", str(port))
    with (folder / "peer.log").open("wb") as log:
        process = subprocess.Popen(
            command, env={**_inherited(), **s3.env()}, stdout=log, stderr=log
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(f"{url}/readyz", process)
        yield url, process.pid
    finally:
        process.kill()
        process.wait()


def _inherited() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise RuntimeError("the peer ended")
        try:
            httpx.get(url).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("the peer does not answer")


def rows(rounds: int) -> Table:
    """Check the rows of files of 64 MB, and pass over them with a bare csv.reader."""
    cells = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "products.csv"
        for name, line in _KINDS.items():
            write_catalogue(path, _CHECKED, line)
            variants = {"csv.reader": here(_bare), "check": here(_check)}
            measured = interleaved(variants, [path], rounds)
            assert measured.outputs["check"] == measured.outputs["csv.reader"]  # noqa: S101 - rows
            cells.append([name, str(measured.speed("check", "csv.reader"))])
            print(f"    {cells[-1]}", flush=True)
    return Table(
        "The check of every row of 64 MB", ["Catalogue", "speed, a bare csv.reader pass = 1"], cells
    )


def _bare(path: Path) -> bytes:
    with path.open(encoding="utf-8", newline="") as file:
        count = sum(1 for _ in csv.reader(file))
    return str(count - 1).encode()


def _check(path: Path) -> bytes:
    with path.open("rb") as file:
        return str(check_csv(file).products).encode()
