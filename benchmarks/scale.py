"""Benchmark memory use and the steps other than compressing: many rows, and a long shard."""

from __future__ import annotations

import tempfile
from pathlib import Path

from support.processtree import peak_memory
from support.runnerbatch import RunnerBatch, products
from support.seaweedfs import SeaweedFS

from . import codec_alone, rows, tail
from .limited import limited
from .photo_host import serving
from .photos import all_photos
from .section import Section, Table

_MIB = 1 << 20
_ROWS = 1_000_000
_IMAGES = 5000
#: The chart's limit of a runner pod.
_LIMIT = 2048 * _MIB
#: Number of images of 1 megapixel that are compressed to find the cost of one.
_CODEC_IMAGES = 200

_TEXT = f"""
plan and collect, each in a process of its own on a local folder (also by `python -m benchmarks.rows
all FOLDER ROWS`). Their CPU time is compared with what compressing the same number of photographs
of one megapixel takes in the codec alone, which is the least that such a batch can take.
Ten million rows took the same for each row, when collect still took twice the CPU time: 162 MiB
and 67 s of CPU time for plan, 107 MiB and 415 s for collect.

{tail.TEXT}

A shard of {_IMAGES:,} photographs, one in 50 of 12 megapixels, the others of 1, from an HTTP server
to a SeaweedFS, with the chart's memory limit as a real cgroup.
"""


def run(_rounds: int) -> Section:
    tables = [_many_rows(), tail.seconds_to_summary(_ROWS), _long_shard()]
    return Section("scale", "Scale", _TEXT, tables)


def _many_rows() -> Table:
    with tempfile.TemporaryDirectory() as folder:
        steps = rows.steps(Path(folder), _ROWS)
    smallest = list(all_photos().values())[:1]
    image = codec_alone.cpu_seconds(smallest, _CODEC_IMAGES) / _CODEC_IMAGES
    plan, collect = steps["plan"], steps["collect"]
    share = (plan.cpu + collect.cpu) / (image * _ROWS)
    cells = [
        [name, f"{step.memory / _MIB:.0f} MiB", f"{100 * step.cpu / (image * _ROWS):.2f} %"]
        for name, step in (("plan", plan), ("collect", collect))
    ]
    cells.append(["together", "", f"{100 * share:.2f} %"])
    return Table(f"{_ROWS:,} rows", ["Step", "peak memory", "CPU time, compressing = 100 %"], cells)


def _long_shard() -> Table:
    photos = list(all_photos().values())
    mixed = [photos[0]] * 49 + [photos[-1]]
    with (
        SeaweedFS() as s3,
        serving(mixed) as host,
        limited(_LIMIT) as cgroup,
        tempfile.TemporaryDirectory() as folder,
    ):
        urls = [f"{host}/{number}.jpg" for number in range(_IMAGES)]
        batch = RunnerBatch.of(s3, Path(folder), products(urls), imagesPerShard=_IMAGES)
        # The batch has one shard, so one pod plans, compresses and collects it.
        process = batch.start("plan", prefix=cgroup.wrapper)
        peaks = peak_memory(process)
        ended = batch.wait(process)
        assert ended.code == 0, ended  # noqa: S101 - a benchmark of failures is none
        assert ended.message is not None  # noqa: S101
        assert ended.message.totals is not None  # noqa: S101
        cells = [
            ["limit", f"{_LIMIT // _MIB} MiB"],
            ["peaks of the processes, added", f"{peaks / _MIB:.0f} MiB"],
            ["peak of the cgroup, page cache included", f"{cgroup.peak / _MIB:.0f} MiB"],
            ["processes killed for want of memory", str(cgroup.kills)],
            ["images done", f"{ended.message.totals.succeeded:,} of {_IMAGES:,}"],
        ]
    return Table(f"A shard of {_IMAGES:,} images", ["", "memory"], cells)
