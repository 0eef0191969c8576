"""Benchmark what the documents for readers cost: progress, history, kept sources, early failure."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from imagebatch_runner.settings import Settings
from support.runnerbatch import RunnerBatch, products
from support.seaweedfs import SeaweedFS

from .measure import cpu_seconds
from .photo_host import serving
from .photos import all_photos
from .section import Section, Table

_IMAGES: Final = 500
_KEPT: Final = Settings.model_fields["kept_sources"].default

_TEXT = f"""
CPU time of a batch of {_IMAGES} photographs of one megapixel (plan, compress, collect in one pod,
from an HTTP server to a SeaweedFS) with and without what plan and compress do for readers: the
progress document, the record of the request, the kept sources of {_KEPT} images, and the look
whether a host answers. The two take turns, {{rounds}} times, and are compared within each turn:
the median is given, and the lowest and the highest.
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
    seconds: dict[str, list[float]] = {"with": [], "without": []}
    with SeaweedFS() as s3, serving([photo]) as host:
        text = products([f"{host}/{number}.jpg" for number in range(_IMAGES)])
        variants: dict[str, Callable[[], float]] = {
            "with": lambda: _batch(s3, text, {}, {"asked": _ASKED, "maxFailedPercent": 50}),
            "without": lambda: _batch(
                s3,
                text,
                {"IMAGEBATCH_KEPT_SOURCES": "0", "IMAGEBATCH_UNREACHABLE_SECONDS": "0"},
                {},
            ),
        }
        for number in range(rounds):
            order = list(variants) if number % 2 else list(variants)[::-1]
            for name in order:
                seconds[name].append(variants[name]())
    shares = [100 * (a / b - 1) for a, b in zip(seconds["with"], seconds["without"], strict=True)]
    median = statistics.median(shares)
    rows = [["all of it", f"{median:+.1f} %", f"{min(shares):+.1f} % to {max(shares):+.1f} %"]]
    table = Table("Documents for readers", ["", "CPU time, more than without", "rounds"], rows)
    return Section("reading", "Reading", _TEXT.format(rounds=rounds), [table])


def _batch(s3: SeaweedFS, text: str, settings: dict[str, str], job: dict[str, Any]) -> float:
    """Return the CPU seconds of the batch."""
    with tempfile.TemporaryDirectory() as folder:
        batch = RunnerBatch.of(s3, Path(folder), text, imagesPerShard=_IMAGES, **job)
        batch.settings |= {"IMAGEBATCH_UNREACHABLE_SECONDS": "60", **settings}
        if not job:
            (Path(folder) / "sitecustomize.py").write_text(_WITHOUT_PROGRESS)
            batch.settings["PYTHONPATH"] = folder
        before = cpu_seconds()
        ended = batch.run("plan")
        spent = cpu_seconds() - before
        assert ended.code == 0, ended  # noqa: S101 - a benchmark of failures is none
        return spent
