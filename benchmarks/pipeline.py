"""Benchmark the whole pipeline, from an HTTP server to S3, against a script with sharp.

It measures the CPU time of the client's processes from start to end: the runner with its decoders,
or Node. The servers of photographs and S3 (SeaweedFS) are separate processes, which do not count.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import uuid4

from imagebatch_runner.cpus import available_cpus
from support.runnerbatch import RunnerBatch, products
from support.seaweedfs import ACCESS_KEY, SECRET_KEY, SeaweedFS

from . import codec_alone
from .measure import Measured, Spread
from .peer import installed
from .photo_host import serving
from .photos import all_photos
from .section import Bar, Chart, Section, Table

OURS = "ImageBatch"
SHARP = "Node, sharp"
ALONE = "the codec alone"
_START = "the runner's start"

#: Number of images of one measured shard.
IMAGES = 500
#: Number of images to WebP, which takes ten times as long.
_IMAGES_TO_WEBP = 100
#: Images that the script processes at once: more than cores, so that no core waits for the network.
_CONCURRENCY = 8

_TEXT = f"""
Each client fetches {IMAGES} photographs ({_IMAGES_TO_WEBP} for WebP) from an HTTP server,
compresses them and stores them in a SeaweedFS. Both servers run on this machine; only the CPU
time of the client counts, with its start. One client is the runner (the step `compress`,
with its decoders). The other is a Node script with sharp, undici and aws4fetch that works on
{_CONCURRENCY} images at once (`benchmarks/peer/pipeline.mjs`).

"images per CPU second" compares the runner with the script. The columns after it compare the runner
with its codec alone: the same images, from memory to memory, in as many processes as the runner has
decoders, without their start. "share of the codec alone" is the codec's CPU time as a share of the
runner's. "the same, once started" leaves out the start of the runner's processes, which every shard
pays once. "beside the codec alone" is the CPU time that the runner adds for each image: its start,
fetching, SHA-256 of source and output, storing and recording.
"""


def run(rounds: int) -> Section:
    photos = list(all_photos().values())
    rounds = min(rounds, 3)
    mixed = _measured(photos, rounds)
    rows = [
        _row("1 to 12 megapixels, to JPEG", mixed, IMAGES),
        _row(
            f"1 to 12 megapixels, to WebP, {_IMAGES_TO_WEBP} of them",
            _measured(photos, rounds, "webp", _IMAGES_TO_WEBP),
            _IMAGES_TO_WEBP,
        ),
        _row(
            "1 megapixel, to JPEG: the least work for each request",
            _measured(photos[:1], rounds),
            IMAGES,
        ),
    ]
    table = Table(
        f"{IMAGES} photographs, quality 50",
        [
            "Photographs",
            f"images per CPU second, {SHARP} = 1",
            f"share of {ALONE}",
            "the same, once started",
            f"beside {ALONE}, CPU ms an image",
        ],
        rows,
    )
    bars = [_bar(name, mixed) for name in (SHARP, OURS)]
    chart = Chart(
        "From HTTP to S3, 1 to 12 megapixels: images per CPU second, sharp = 1", "×", bars, mark=1.5
    )
    return Section("pipeline", "The whole pipeline", _TEXT, [table], [chart])


def _measured(
    photos: Sequence[Path], rounds: int, format_: str = "jpeg", images: int = IMAGES
) -> Measured:
    seconds: dict[str, list[float]] = {OURS: [], SHARP: [], ALONE: [], _START: []}
    with (
        SeaweedFS() as s3,
        serving(photos) as host,
        tempfile.TemporaryDirectory() as folder,
    ):
        urls = [f"{host}/{number}.jpg" for number in range(images)]
        first = urls[: available_cpus()]
        variants: dict[str, Callable[[], float]] = {
            OURS: lambda: _runner(s3, urls, Path(folder), format_),
            SHARP: lambda: _script(s3, urls, format_),
            ALONE: lambda: codec_alone.cpu_seconds(photos, images, format_),
            _START: lambda: (
                _runner(s3, first, Path(folder), format_)
                - codec_alone.cpu_seconds(photos, len(first), format_)
            ),
        }
        order = list(variants)
        for number in range(rounds):
            turn = number % len(order)
            for name in order[turn:] + order[:turn]:
                seconds[name].append(variants[name]())
                print(f"    {name}: {seconds[name][-1]:.2f} s of CPU time", flush=True)
    return Measured(seconds, {})


def _runner(s3: SeaweedFS, urls: list[str], folder: Path, format_: str) -> float:
    """Run ``compress`` as a pod does, on a shard that was planned before; return its CPU
    seconds."""
    batch = RunnerBatch.of(s3, folder, products(urls), imagesPerShard=len(urls), dryRun=True)
    batch.job["output"] = {"format": format_}
    planned = batch.run("plan")
    assert planned.code == 0, planned  # noqa: S101 - a benchmark of failures is none
    del batch.job["dryRun"]
    spent = _ended(batch.start("compress"))
    stored = batch.list(batch.keys.images)
    assert len(stored) == len(urls), f"{len(stored)} of {len(urls)} images"  # noqa: S101
    return spent


def _script(s3: SeaweedFS, urls: list[str], format_: str) -> float:
    job = {
        "urls": urls,
        "bucket": f"{s3.endpoint}/{s3.bucket}",
        "prefix": f"peer/{uuid4()}",
        "region": "us-east-1",
        "accessKeyId": ACCESS_KEY,
        "secretAccessKey": SECRET_KEY,
        "concurrency": _CONCURRENCY,
        "quality": 50,
        "format": format_,
    }
    with tempfile.TemporaryFile("w+") as given, tempfile.TemporaryFile("w+") as answer:
        json.dump(job, given)
        given.seek(0)
        process = subprocess.Popen(
            ["node", "pipeline.mjs"], cwd=installed(), stdin=given, stdout=answer, text=True
        )
        spent = _ended(process)
        answer.seek(0)
        assert json.load(answer)["images"] == len(urls)  # noqa: S101
    return spent


def _ended(process: subprocess.Popen[str]) -> float:
    """Wait for a process; return its CPU seconds, including those of children that it waited
    for."""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
    return used.ru_utime + used.ru_stime


def _row(name: str, measured: Measured, images: int) -> list[str]:
    whole = measured.seconds[OURS]
    once_started = [
        all_ - start for all_, start in zip(whole, measured.seconds[_START], strict=True)
    ]
    return [
        name,
        str(measured.speed(OURS, SHARP)),
        _share(measured, whole),
        _share(measured, once_started),
        _beside(measured, images),
    ]


def _share(measured: Measured, whole: Sequence[float]) -> str:
    shares = [100 * a / w for a, w in zip(measured.seconds[ALONE], whole, strict=True)]
    return f"{statistics.median(shares):.0f} % ({min(shares):.0f}–{max(shares):.0f})"


def _beside(measured: Measured, images: int) -> str:
    added = [
        1000 * (w - a) / images
        for a, w in zip(measured.seconds[ALONE], measured.seconds[OURS], strict=True)
    ]
    return f"{statistics.median(added):.1f} ({min(added):.1f}–{max(added):.1f})"


def _bar(name: str, measured: Measured) -> Bar:
    speed: Spread = measured.speed(name, SHARP)
    return Bar(name, speed.low, speed.median, speed.high, name == OURS)
