"""Reports over a store in memory: joining, first part wins, places, memory."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from imagebatch_core.errors import ImageBatchError
from imagebatch_core.job import JobSource, RunnerJob
from imagebatch_core.keys import BatchKeys
from imagebatch_core.results import ImageResult, ImageStatus
from imagebatch_runner.settings import Settings
from imagebatch_runner.steps.batch import Batch
from imagebatch_runner.steps.collect import collect
from imagebatch_runner.steps.plan import plan
from imagebatch_runner.steps.sharding import from_lines
from imagebatch_runner.store.storage import Storage


class Planned:
    """A planned batch whose parts the test writes by hand."""

    def __init__(self, folder: Path, rows: list[list[str]], per_shard: int = 2) -> None:
        source = folder / "in.csv"
        lines = ["S. No.,Product Name,Input Image Urls"]
        lines += [f'{n},SKU{n},"{",".join(urls)}"' for n, urls in enumerate(rows, start=1)]
        source.write_text("\n".join(lines) + "\n")
        job = RunnerJob(
            namespace="shop",
            name="spring",
            uid="u",
            source=JobSource(path=str(source)),
            images_per_shard=per_shard,
        )
        storage = Storage(MemoryStore(), patience=0)
        self.batch = Batch(job, BatchKeys.of("shop", "u"), storage, Settings())
        self.plan = plan(self.batch)

    def part(self, shard: int, pod: str, number: int, *results: ImageResult) -> None:
        body = "".join(result.to_line() for result in results).encode()
        self.batch.storage.put(self.batch.keys.part(shard, pod, number), body)

    def report(self) -> list[dict[str, object]]:
        data = self.batch.storage.get(self.batch.keys.report_jsonl) or b""
        return [json.loads(line) for line in data.splitlines()]


def done(row: int, position: int, output: str = "o", **fields: int) -> ImageResult:
    return ImageResult(
        row, position, f"http://h/{row}-{position}", ImageStatus.SUCCEEDED, output, **fields
    )


def test_results_are_joined_in_input_order_whatever_the_order_of_parts(tmp_path: Path) -> None:
    made = Planned(tmp_path, [["http://h/1-1", "http://h/1-2"], ["http://h/2-1"]])
    made.part(1, "a", 0, done(2, 1))
    made.part(0, "b", 0, done(1, 2))
    made.part(0, "c", 0, done(1, 1))
    summary = collect(made.batch)
    assert [(line["row"], line["position"]) for line in made.report()] == [(1, 1), (1, 2), (2, 1)]
    assert summary.totals.succeeded == 3


@pytest.mark.parametrize("wait", [False, True])
def test_results_of_spread_hosts_are_joined_in_input_order(tmp_path: Path, *, wait: bool) -> None:
    rows = [[f"http://{'abc'[n // 20 % 3]}.example/{n}.jpg"] for n in range(301)]
    made = Planned(tmp_path, rows)
    assert (made.plan.shards, made.plan.shards_per_group) == (151, 51)
    batch = replace(made.batch, job=made.batch.job.model_copy(update={"wait": wait}))
    of_shards = [
        from_lines(batch.storage.get(batch.keys.shard(shard)) or b"") for shard in range(151)
    ]
    assert of_shards[0][1].row > 2

    def record(shard: int) -> None:
        for item in of_shards[shard]:
            result = replace(done(item.row, 1, f"o{item.row}"), input_url=item.url)
            made.part(shard, "a", item.row, result)

    for shard in range(151):
        if shard != 60:
            record(shard)
    with ThreadPoolExecutor() as pool:
        collecting = pool.submit(collect, batch)
        if wait:
            with pytest.raises(TimeoutError):
                collecting.result(0.6)
            record(60)
        collecting.result(20)
    missing = set() if wait else {item.row for item in of_shards[60]}
    assert [line["output_url"] for line in made.report()] == [
        None if row in missing else f"o{row}" for row in range(1, 302)
    ]
    assert [line["input_url"] for line in made.report()] == [url for (url,) in rows]


def test_first_part_in_key_order_wins(tmp_path: Path) -> None:
    made = Planned(tmp_path, [["http://h/1-1"]])
    made.part(0, "b", 0, done(1, 1, "later"))
    made.part(0, "a", 0, done(1, 1, "first"))
    made.part(0, "a", 1, done(1, 1, "second"))
    collect(made.batch)
    assert [line["output_url"] for line in made.report()] == ["first"]


def test_collect_that_waits_ends_once_the_last_image_is_recorded(tmp_path: Path) -> None:
    made = Planned(tmp_path, [["http://h/1-1", "http://h/1-2"], ["http://h/2-1"]])
    waiting = replace(made.batch, job=made.batch.job.model_copy(update={"wait": True}))
    made.part(0, "a", 0, done(1, 1))
    with ThreadPoolExecutor() as pool:
        collecting = pool.submit(collect, waiting)
        made.part(1, "b", 0, done(2, 1))
        with pytest.raises(TimeoutError):
            collecting.result(0.6)
        assert made.report() == []
        made.part(0, "c", 0, done(1, 2))
        assert collecting.result(20).totals.succeeded == 3


def test_collect_that_waits_ends_at_once_by_an_error(tmp_path: Path) -> None:
    made = Planned(tmp_path, [["http://h/1-1"], ["http://h/2-1"], ["http://h/3-1"]], per_shard=1)
    waiting = replace(made.batch, job=made.batch.job.model_copy(update={"wait": True}))
    made.part(0, "a", 0, done(1, 1))
    made.batch.storage.put(made.batch.keys.input, b"S. No.,Product Name,Input Image Urls\n")
    with pytest.raises(ImageBatchError, match="changed"):
        collect(waiting)


def test_totals_count_bytes_of_what_has_an_output(tmp_path: Path) -> None:
    made = Planned(tmp_path, [["http://h/1-1", "http://h/1-2"]])
    made.part(0, "a", 0, done(1, 1, bytes_in=100, bytes_out=40))
    summary = collect(made.batch)
    assert (summary.totals.bytes_in, summary.totals.bytes_out) == (100, 40)
    assert (summary.totals.succeeded, summary.totals.failed) == (1, 1)


def test_summary_is_written_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Planned(tmp_path, [["http://h/1-1"]])
    order: list[str] = []
    put = made.batch.storage.put
    monkeypatch.setattr(made.batch.storage, "put", lambda k, d: (order.append(k), put(k, d))[1])
    collect(made.batch)
    assert order[-1] == made.batch.keys.summary


@pytest.mark.parametrize("rows", [1, 2, 3, 50])
def test_input_that_changed_after_the_plan_is_noticed(tmp_path: Path, rows: int) -> None:
    made = Planned(tmp_path, [["http://h/1-1"], ["http://h/2-1"]])
    text = b"S. No.,Product Name,Input Image Urls\n" + b"1,x,http://h/9-9\n" * rows
    made.batch.storage.put(made.batch.keys.input, text)
    with pytest.raises(ImageBatchError, match="not the one that was planned"):
        collect(made.batch)
    assert made.batch.storage.get(made.batch.keys.report_csv) is None


def test_batch_without_a_plan_is_not_collected(tmp_path: Path) -> None:
    made = Planned(tmp_path, [["http://h/1-1"]])
    made.batch.storage.delete(made.batch.keys.plan)
    with pytest.raises(ImageBatchError, match="was the batch planned"):
        collect(made.batch)


@pytest.mark.slow
def test_memory_does_not_grow_with_rows(tmp_path: Path) -> None:
    """Peak of 60,000 rows against that of 10,000, with several hosts, and with the largest shards,
    each in a process of its own."""
    program = textwrap.dedent("""
        import re, sys
        from pathlib import Path
        from imagebatch_core.job import JobSource, RunnerJob
        from imagebatch_core.keys import BatchKeys
        from imagebatch_core.results import ImageResult, ImageStatus
        from imagebatch_runner.settings import Settings
        from imagebatch_runner.steps import sharding
        from imagebatch_runner.steps.batch import Batch
        from imagebatch_runner.steps.collect import collect
        from imagebatch_runner.steps.plan import plan
        from imagebatch_runner.store.storage import Storage

        folder = Path(sys.argv[1])
        rows, per_shard, hosts = map(int, sys.argv[2:])
        source = folder / "in.csv"
        with source.open("w") as file:
            file.write("S. No.,Product Name,Input Image Urls\\n")
            for n in range(rows):
                file.write(f"{n},SKU{n},https://cdn{n % hosts}.example.com/products/{n}.jpg\\n")
        job = RunnerJob(
            namespace="s",
            name="n",
            uid="u",
            source=JobSource(path=str(source)),
            images_per_shard=per_shard,
            wait=True,  # so it uploads the reports while it writes them
        )
        storage = Storage.open((folder / "store").as_uri(), {}, patience=0)
        batch = Batch(job, BatchKeys.of("s", "u"), storage, Settings())
        made = plan(batch)
        part = 0
        for shard in range(made.shards):
            lines = storage.get(batch.keys.shard(shard)).splitlines()
            for at in range(0, len(lines), 50):
                items = sharding.from_lines(b"\\n".join(lines[at : at + 50]))
                done = [
                    ImageResult(i.row, i.position, i.url, ImageStatus.SUCCEEDED, "o" * 120)
                    for i in items
                ]
                body = "".join(result.to_line() for result in done)
                storage.put(batch.keys.part(shard, "pod", part), body.encode())
                part += 1
        assert collect(batch).totals.succeeded == rows
        # Not ru_maxrss: the kernel carries the parent's peak over an exec into it.
        peak = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())
        print(int(peak[1]) // 1024)
    """)

    def peak(rows: int, per_shard: int = 500, hosts: int = 1) -> int:
        folder = tmp_path / f"{rows}-{per_shard}-{hosts}"
        folder.mkdir()
        ended = subprocess.run(
            [sys.executable, "-c", program, str(folder), str(rows), str(per_shard), str(hosts)],
            capture_output=True,
            text=True,
            check=True,
        )
        return int(ended.stdout)

    small, large = peak(10_000), peak(60_000)
    assert large < small + 40
    assert large < 200
    # A group of shards is in memory at a time.
    assert peak(60_000, hosts=3) < large + 40
    assert peak(120_000, per_shard=100_000) < 200
