"""``python -m benchmarks.reuse_plan FOLDER ROWS``: plan a batch whose images all have an output.

It runs in its own process, to measure peak memory. It prints MiB and CPU seconds of plan.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from hosttools.processes import peak_memory
from imagebatch_core.job import JobSource, RunnerJob
from imagebatch_core.keys import BatchKeys
from imagebatch_core.results import ImageResult, ImageStatus
from imagebatch_core.spec import Output
from imagebatch_runner.codec.revision import CODEC
from imagebatch_runner.settings import Settings
from imagebatch_runner.steps.batch import Batch, EarlierBatch
from imagebatch_runner.steps.plan import plan
from imagebatch_runner.store.documents import Plan, to_json
from imagebatch_runner.store.storage import Storage


def main() -> None:
    folder, rows = Path(sys.argv[1]), int(sys.argv[2])
    source = folder / "in.csv"
    storage = Storage.open((folder / "store").as_uri(), {}, patience=0)
    earlier = EarlierBatch("monday", storage, BatchKeys.of("shop", "monday"))
    _monday(earlier, rows, folder / "monday.jsonl")
    with source.open("w") as file:
        file.write("S. No.,Product Name,Input Image Urls\n")
        # The order differs from the report's, as in real catalogues.
        file.writelines(f"{n},SKU{n},{_url(n * 7919 % rows)}\n" for n in range(rows))
    job = RunnerJob(
        namespace="shop", name="tuesday", uid="tuesday", source=JobSource(path=str(source))
    )
    batch = Batch(job, BatchKeys.of("shop", "tuesday"), storage, Settings(), earlier)
    before = time.process_time()
    made = plan(batch)
    seconds = time.process_time() - before
    if made.reuse is None or made.reuse.images != rows:
        raise ValueError(f"expected {rows} earlier outputs, found {made.reuse}")
    print(f"{peak_memory(os.getpid()) >> 20} MiB {seconds:.1f} s")


def _url(number: int) -> str:
    return f"https://cdn.example.com/catalogue/2026/products/{number}.jpg"


def _monday(batch: EarlierBatch, rows: int, report: Path) -> None:
    """Store the plan and report of an earlier batch; ``report`` is a temporary file."""
    made = Plan(
        products=rows,
        images=rows,
        shards=1,
        images_per_shard=rows,
        row_problems=0,
        input_sha256="",
        extra_columns=(),
        output=Output(),
        codec=CODEC,
    )
    batch.storage.put(batch.keys.plan, to_json(made))
    with report.open("w") as file:
        for number in range(rows):
            sha256 = f"{number:064x}"
            key = batch.keys.image(number + 1, 1, sha256, "jpg")
            result = ImageResult(
                row=number + 1,
                position=1,
                input_url=_url(number),
                status=ImageStatus.SUCCEEDED,
                output_url=f"https://files.example.com/{key}",
                output_key=key,
                http_status=200,
                attempts=1,
                bytes_in=200_000,
                bytes_out=60_000,
                width=1200,
                height=900,
                source_sha256=sha256,
                etag=f'"{number:032x}"',
                last_modified="Tue, 03 Mar 2026 04:05:06 GMT",
            )
            file.write(result.to_line())
    batch.storage.put_file(batch.keys.report_jsonl, report)


if __name__ == "__main__":
    main()
