"""Measure plan and collect over many rows, each step in its own process.

``python -m benchmarks.rows STEP FOLDER ROWS`` runs one step on a local folder and prints its CPU
seconds and peak memory as JSON; ``python -m benchmarks.rows all FOLDER ROWS`` runs all of them. The
results between plan and collect are written as compress records them, without any image.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from hosttools.processes import peak_memory
from imagebatch_core.job import JobSource, RunnerJob
from imagebatch_core.keys import BatchKeys
from imagebatch_core.results import ImageResult, ImageStatus, ShardItem
from imagebatch_runner.settings import Settings
from imagebatch_runner.steps import sharding
from imagebatch_runner.steps.batch import Batch
from imagebatch_runner.steps.collect import collect
from imagebatch_runner.steps.plan import plan, read_plan
from imagebatch_runner.store.storage import Storage

from .measure import cpu_seconds

_BASE = "https://files.example.com/files"
#: Number of results in a part, as the runner writes them: half of IMAGEBATCH_PART_IMAGES' default.
PART = 25
_WRITER = "0b5d5e9a-6f4b-4a0e-9d0a-3f0c6a1c7f10"


@dataclass(frozen=True, slots=True)
class Step:
    """The cost of a step: peak ``memory`` in bytes, ``cpu`` and ``wall`` time in seconds."""

    cpu: float
    wall: float
    memory: int


def steps(folder: Path, rows: int) -> dict[str, Step]:
    """Run all steps in ``folder`` and return the cost of each by name."""
    found = {}
    for name in ("input", "plan", "results", "collect"):
        command = [sys.executable, "-m", "benchmarks.rows", name, str(folder), str(rows)]
        ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found[name] = Step(**json.loads(ended.stdout))
        print(f"    {name} of {rows:,} rows: {_words(found[name])}", flush=True)
    return found


def _words(step: Step) -> str:
    return f"{step.cpu:.0f} s of CPU time in {step.wall:.0f} s, {step.memory >> 20} MiB"


def _batch(folder: Path) -> Batch:
    job = RunnerJob(
        namespace="bench",
        name="rows",
        uid="rows",
        source=JobSource(path=str(folder / "products.csv")),
    )
    storage = Storage.open((folder / "store").resolve().as_uri(), {}, patience=0)
    return Batch(job, BatchKeys.of("bench", "rows"), storage, Settings(public_base_url=_BASE))


def write_input(path: Path, rows: int) -> None:
    """Write a CSV of products with an image each."""
    with path.open("w") as file:
        file.write("S. No.,Product Name,Input Image Urls\n")
        for number in range(1, rows + 1):
            file.write(f"{number},Product {number},https://cdn.example.com/img/{number}.jpg\n")


def _write_results(batch: Batch) -> None:
    made = read_plan(batch)
    assert made is not None  # noqa: S101 - the step before
    for shard in range(made.shards):
        for number, items in parts_of(batch, shard):
            write_part(batch, shard, number, items)
        write_whole(batch, shard)


def parts_of(batch: Batch, shard: int) -> Iterator[tuple[int, list[ShardItem]]]:
    """Yield the number and the images of each part of a shard."""
    items = sharding.from_lines(batch.storage.get(batch.keys.shard(shard)) or b"")
    for number, at in enumerate(range(0, len(items), PART)):
        yield number, items[at : at + PART]


def write_part(batch: Batch, shard: int, number: int, items: Sequence[ShardItem]) -> None:
    """Write a part as compress does; all its images have an output."""
    of_rows = (items[0].row, items[-1].row)
    key = batch.keys.part(shard, _WRITER, number, of_rows)
    batch.storage.put(key, "".join(_result(batch, item) for item in items).encode())


def write_whole(batch: Batch, shard: int) -> None:
    """Write all results of a shard in one object, as a pod does that recorded them alone."""
    lines = [_result(batch, item) for _, items in parts_of(batch, shard) for item in items]
    batch.storage.put(batch.keys.whole_shard(shard), "".join(lines).encode())


def _result(batch: Batch, item: ShardItem) -> str:
    digest = sha256(item.url.encode()).hexdigest()
    key = batch.keys.image(item.row, item.position, digest, "jpg")
    return ImageResult(
        row=item.row,
        position=item.position,
        input_url=item.url,
        status=ImageStatus.SUCCEEDED,
        output_url=batch.settings.output_url(key),
        output_key=key,
        http_status=200,
        attempts=1,
        bytes_in=265_441,
        bytes_out=81_204,
        width=1224,
        height=816,
        source_sha256=digest,
        etag=f'"{digest[:16]}"',
        recorded_at="2026-11-29T01:00:00Z",
    ).to_line()


def main() -> None:
    name, folder, rows = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    if name == "all":
        steps(folder, rows)
        return
    begin = time.monotonic()
    batch = _batch(folder)
    if name == "input":
        write_input(folder / "products.csv", rows)
    elif name == "plan":
        assert plan(batch).images == rows  # noqa: S101
    elif name == "results":
        _write_results(batch)
    else:
        assert collect(batch).totals.succeeded == rows  # noqa: S101
    took = Step(cpu_seconds(), time.monotonic() - begin, peak_memory(os.getpid()))
    print(json.dumps(asdict(took)))


if __name__ == "__main__":
    main()
