"""Benchmark what the documents for readers cost: progress, history, kept sources, early failure."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final

from imagebatch_runner.settings import Settings
from support.runnerbatch import RunnerBatch, products
from support.seaweedfs import SeaweedFS

from .photo_host import serving
from .photos import all_photos
from .section import Section, Table

_IMAGES: Final = 500
#: One percent is less than rounds differ by, so the median needs many of them.
_LEAST_ROUNDS: Final = 25
_KEPT: Final = Settings.model_fields["kept_sources"].default

_TEXT = f"""
CPU time of a batch of {_IMAGES} photographs of one megapixel (plan, compress, collect in one pod,
from an HTTP server to a SeaweedFS) with and without what plan and compress do for readers: the
progress document, the record of the request, the kept sources of {_KEPT} images, and the look
whether a host answers. Both run at the same time, so that what else the machine does slows both
alike, {{rounds}} times: the median of the rounds is given, and the lowest and the highest.
"""

#: Read by Python when the runner starts, before its own code; decoders are left alone.
_WITHOUT_PROGRESS: Final = """
import sys
if "imagebatch_runner" in sys.orig_argv:
    from imagebatch_runner.steps import progress
    async def nothing(*_):
        pass
    progress.put_progress = nothing
"""
_ASKED: Final = {"createdAt": "2026-11-24T10:00:00Z", "fileName": "products.csv"}


def run(rounds: int) -> Section:
    photo = next(path for shown, path in all_photos().items() if shown.name == "chelsea")
    rounds = max(rounds, _LEAST_ROUNDS)
    shares = []
    with SeaweedFS() as s3, serving([photo]) as host:
        text = products([f"{host}/{number}.jpg" for number in range(_IMAGES)])
        for number in range(rounds):
            seconds = _both(s3, text, first=number % 2 == 0)
            shares.append(100 * (seconds[True] / seconds[False] - 1))
    median = statistics.median(shares)
    rows = [["all of it", f"{median:+.1f} %", f"{min(shares):+.1f} % to {max(shares):+.1f} %"]]
    table = Table("Documents for readers", ["", "CPU time, more than without", "rounds"], rows)
    return Section("reading", "Reading", _TEXT.format(rounds=rounds), [table])


def _both(s3: SeaweedFS, text: str, *, first: bool) -> dict[bool, float]:
    """Run the batch with and without the documents, and return the CPU seconds of each by whether
    it has them; ``first`` says which begins."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        started = {
            documents: _start(s3, text, Path(folder), documents=documents)
            for documents, folder in ((first, one), (not first, other))
        }
        return {documents: _cpu_seconds(process) for documents, process in started.items()}


def _start(s3: SeaweedFS, text: str, folder: Path, *, documents: bool) -> subprocess.Popen[str]:
    job: dict[str, Any] = {"asked": _ASKED, "maxFailedPercent": 50} if documents else {}
    batch = RunnerBatch.of(s3, folder, text, imagesPerShard=_IMAGES, **job)
    batch.settings["IMAGEBATCH_UNREACHABLE_SECONDS"] = "60"
    if not documents:
        (folder / "sitecustomize.py").write_text(_WITHOUT_PROGRESS)
        batch.settings |= {
            "PYTHONPATH": str(folder),
            "IMAGEBATCH_KEPT_SOURCES": "0",
            "IMAGEBATCH_UNREACHABLE_SECONDS": "0",
        }
    return batch.start("plan")


def _cpu_seconds(process: subprocess.Popen[str]) -> float:
    """Wait for a step, and return the CPU seconds of it and its children."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, process.args  # noqa: S101 - a benchmark of failures is none
    return usage.ru_utime + usage.ru_stime
