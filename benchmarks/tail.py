"""Measure the time from the last image's record to the batch's summary, over many rows.

``python -m benchmarks.tail`` runs it with a real S3 and the runner's own program. The results are
written as compress writes them, without any image: all at once but those of the last shards, which
come at the pace of pods that compress.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from typing import Final, NamedTuple

from imagebatch_core.job import RunnerJob
from imagebatch_core.results import ShardItem
from imagebatch_runner.settings import Settings
from imagebatch_runner.steps.batch import Batch
from imagebatch_runner.store.storage import Storage
from support.runnerbatch import PUBLIC, RunnerBatch
from support.seaweedfs import SeaweedFS

from . import rows
from .section import Table

_PER_SHARD: Final = 5000
#: Pods that compress at the same time, and so shards that end together.
_PODS: Final = 4
#: Images that all pods compress in a second.
_PACE: Final = 300
_WRITERS: Final = 8
_LONGEST: Final = 600.0

TEXT: Final = f"""
The end of a batch of many rows, with a SeaweedFS on the same machine: {_PODS} pods record the last
{_PODS * _PER_SHARD:,} images, {_PACE} a second together, in parts of {rows.PART}, while collect
waits for them (also by `python -m benchmarks.tail`). Until the last image {_PODS} further processes
keep all CPUs busy, as pods that compress do. The operator starts collect with the last shards.
""".strip()


class _Part(NamedTuple):
    shard: int
    number: int
    items: Sequence[ShardItem]


class _Start(NamedTuple):
    """When collect starts: so many images before the last one."""

    name: str
    images: int


_STARTS: Final = (
    _Start("with the last shards", _PODS * _PER_SHARD),
    _Start("5 s before the last image", 5 * _PACE),
)


def seconds_to_summary(count: int) -> Table:
    """Return how long batches of ``count`` rows take after their last image is recorded."""
    with SeaweedFS(volumes=200) as s3, tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "products.csv"
        rows.write_input(source, count)
        job = {"source": {"path": str(source)}, "imagesPerShard": _PER_SHARD, "wait": True}
        batch = RunnerBatch(s3, Path(folder), job)
        planned = batch.run("plan")
        assert planned.code == 0, planned  # noqa: S101
        measured = [[start.name, f"{seconds:.1f}"] for start, seconds in _measured(batch, count)]
    return Table(
        f"After the last of {count:,} images",
        ["collect starts", "seconds from the last image's record to the summary"],
        measured,
    )


def _measured(made: RunnerBatch, count: int) -> Iterator[tuple[_Start, float]]:
    batch = _batch(made)
    shards = -(-count // _PER_SHARD)
    # The pods of the last shards are in step.
    last = [_parts(batch, n) for n in range(shards - _PODS, shards)]
    late = [part for in_step in zip(*last, strict=True) for part in in_step]
    with ThreadPoolExecutor(_WRITERS) as pool:

        def write(parts: Iterable[_Part]) -> None:
            for _ in pool.map(lambda part: rows.write_part(batch, *part), parts):
                pass

        for shard in range(shards - _PODS):
            write(_parts(batch, shard))
            rows.write_whole(batch, shard)
        for start in _STARTS:
            there = len(late) - ceil(start.images / rows.PART)
            write(late[:there])
            seconds = _after_last(made, batch, late[there:])
            print(f"    collect started {start.name}: {seconds:.1f} s", flush=True)
            yield start, seconds
            batch.storage.delete(batch.keys.summary)
            for shard in range(shards - _PODS, shards):
                for key in batch.storage.keys(batch.keys.shard_results(shard)):
                    batch.storage.delete(key)


def _batch(made: RunnerBatch) -> Batch:
    env = made.s3.env()
    storage = Storage.open(env["IMAGEBATCH_STORE"], env, patience=60)
    job = RunnerJob(namespace="shop", name="spring", uid=made.uid, **made.job)
    return Batch(job, made.keys, storage, Settings(public_base_url=PUBLIC))


def _after_last(made: RunnerBatch, batch: Batch, parts: Sequence[_Part]) -> float:
    """Run collect while the parts are written; return the seconds from the last part to its end."""
    with _busy_pods():
        collecting = made.start("collect")
        begin = time.monotonic()
        for number, part in enumerate(parts):
            wait = begin + number * rows.PART / _PACE - time.monotonic()
            time.sleep(max(0.0, wait))
            rows.write_part(batch, *part)
        recorded = time.monotonic()
    ended = made.wait(collecting, _LONGEST)
    assert ended.code == 0, ended  # noqa: S101
    return time.monotonic() - recorded


@contextmanager
def _busy_pods() -> Iterator[None]:
    """Run as many processes as pods would that take all CPU they get."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(_PODS)]
    try:
        yield
    finally:
        for one in busy:
            one.kill()
            one.wait()


def _parts(batch: Batch, shard: int) -> Iterator[_Part]:
    return (_Part(shard, *part) for part in rows.parts_of(batch, shard))


if __name__ == "__main__":
    table = seconds_to_summary(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
    for name, seconds in table.rows:
        print(f"{name}: {seconds} s")
