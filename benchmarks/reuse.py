"""Benchmark a nightly catalogue of which 1 % has changed, with and without reuse of outputs.

The runner's steps run as processes against a real S3 (SeaweedFS) and a host that counts requests.
"""

from __future__ import annotations

import re
import resource
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from imagebatch_core.results import ImageStatus
from support.imagehost import ImageHost
from support.nights import Nights
from support.runnerbatch import RunnerBatch
from support.seaweedfs import SeaweedFS

from .folders import ROOT
from .photos import all_photos
from .section import Bar, Chart, Section, Table

IMAGES = 500
CHANGED = 5
ROWS = 1_000_000
_ANEW = "without reuseFrom"
_BY_TAG = "reuseFrom, hosts with ETag"
_BY_BYTES = "reuseFrom, hosts without validators"
#: Name of a batch of one unchanged image, which measures the cost of starting the processes.
_START = "start"
_SHOWN = (_ANEW, _BY_TAG, _BY_BYTES)
_DECODED = (ImageStatus.SUCCEEDED, ImageStatus.KEPT)


@dataclass(frozen=True, slots=True)
class Night:
    """The cost of one batch: CPU ``seconds`` of its processes, and counts of the image host."""

    seconds: float
    fetched: int
    unchanged: int
    decodes: int
    reused: int


def run(rounds: int) -> Section:
    photos = [path.read_bytes() for path in all_photos().values()]
    nights: dict[str, list[Night]] = {_ANEW: [], _BY_TAG: [], _BY_BYTES: [], _START: []}
    with SeaweedFS() as s3, tempfile.TemporaryDirectory() as folder:
        shop = Nights(s3, Path(folder))
        for _ in range(rounds):
            with ImageHost() as host:
                urls = _serve(host, photos, changed=0, tags=True)
                monday = shop.night(urls)
                nights[_ANEW].append(_cost(host, monday))
                nights[_START].append(_cost(host, shop.night(urls[-1:], monday)))
                for name, tags in ((_BY_TAG, True), (_BY_BYTES, False)):
                    _serve(host, photos, changed=CHANGED, tags=tags)
                    nights[name].append(_cost(host, shop.night(urls, monday)))
    peak, seconds = _plan_at_scale(ROWS)
    text = (
        f"A catalogue of {IMAGES} photographs, {CHANGED} of which changed since the night before. "
        "CPU is that of the runner's processes, with plan, collect and the decoders; the last "
        "column leaves out what a process costs before its first image, paid once for each shard "
        "(500 images).\n\n"
        f"`plan` of {ROWS:,} images, each with an earlier result to look up in another order, "
        f"peaks at {peak} MiB and takes {seconds:.0f} s of CPU."
    )
    return Section("reuse", "Nightly catalogues", text, [_table(nights)], [_chart(nights)])


def _serve(host: ImageHost, photos: list[bytes], *, changed: int, tags: bool) -> list[str]:
    """Serve the catalogue and return its URLs; its first ``changed`` images differ from the first
    night's."""
    urls = []
    for n in range(IMAGES):
        other = n < changed
        tag = f'"{n}-{other}"' if tags else None
        urls.append(host.validated(f"{n}.jpg", photos[(n + other) % len(photos)], etag=tag))
    return urls


def _cost(host: ImageHost, batch: RunnerBatch) -> Night:
    host.forget()
    before = _ended_children()
    batch.run_all()
    seconds = _ended_children() - before
    statuses = [ImageStatus(line["status"]) for line in batch.report()]
    return Night(
        seconds,
        host.body_bytes,
        host.statuses[304],
        sum(status in _DECODED for status in statuses),
        statuses.count(ImageStatus.REUSED),
    )


def _ended_children() -> float:
    """Return the CPU seconds of ended children: only the runner's, because S3 still runs and the
    image host is in this process."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _shares(nights: dict[str, list[Night]], name: str, *, started: bool = False) -> list[float]:
    """Return the CPU time of each round as a share of the night without reuse.

    With ``started``, the cost of starting the processes is subtracted from both.
    """
    rounds = zip(nights[name], nights[_ANEW], nights[_START], strict=True)
    less = [(night, full, start.seconds if started else 0) for night, full, start in rounds]
    return [(night.seconds - start) / (full.seconds - start) for night, full, start in less]


def _table(nights: dict[str, list[Night]]) -> Table:
    full = nights[_ANEW][0]
    rows = []
    for name in _SHOWN:
        night = nights[name][0]
        cpu = statistics.median(_shares(nights, name))
        started = statistics.median(_shares(nights, name, started=True))
        rows.append(
            [
                name,
                f"{night.reused} of {IMAGES}",
                str(night.decodes),
                str(night.unchanged),
                f"{100 * night.fetched / full.fetched:.1f} %",
                f"{100 * cpu:.1f} %",
                f"{100 * started:.1f} %",
            ]
        )
    columns = ["", "reused", "decodes", "304", "bytes fetched", "CPU", "CPU once started"]
    return Table("1 % of the catalogue changed", columns, rows)


def _chart(nights: dict[str, list[Night]]) -> Chart:
    bars = []
    for name in _SHOWN:
        shares = [100 * share for share in _shares(nights, name)]
        middle = statistics.median(shares)
        bars.append(Bar(name, min(shares), middle, max(shares), name != _ANEW))
    return Chart("CPU of the night after, of a full night", " %", bars, mark=100 * CHANGED / IMAGES)


def _plan_at_scale(rows: int) -> tuple[int, float]:
    """Return peak memory in MiB and CPU seconds of a plan that looks up every image."""
    with tempfile.TemporaryDirectory() as folder:
        program = [sys.executable, "-m", "benchmarks.reuse_plan", folder, str(rows)]
        output = subprocess.run(
            program, capture_output=True, text=True, check=True, cwd=ROOT
        ).stdout
    found = re.fullmatch(r"(\d+) MiB ([\d.]+) s\n", output)
    if found is None:
        raise ValueError(f"unexpected answer {output!r}")
    return int(found[1]), float(found[2])
