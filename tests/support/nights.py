"""Make consecutive batches, as for a shop's nightly catalogue."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import obstore

from .runnerbatch import PUBLIC, RunnerBatch, products
from .seaweedfs import SeaweedFS

#: With these settings every decode fails, so that the failures `decoder_timeout` count decodes.
NO_DECODER = {"IMAGEBATCH_DECODER_SECONDS": "0.001"}


class Nights:
    def __init__(self, s3: SeaweedFS, folder: Path) -> None:
        self._s3 = s3
        self._folder = folder
        self._count = 0

    def night(self, urls: list[str], reuse: RunnerBatch | None = None, **job: Any) -> RunnerBatch:
        """Return a batch of these images that has not begun; ``reuse`` is the earlier batch."""
        self._count += 1
        folder = self._folder / f"night-{self._count}"
        folder.mkdir()
        if reuse is not None:
            job["reuseFrom"] = reuse.uid
        return RunnerBatch.of(self._s3, folder, products(urls), **job)

    def done(self, urls: list[str], reuse: RunnerBatch | None = None, **job: Any) -> RunnerBatch:
        """Return a batch like :meth:`night`, after running it to its end."""
        built = self.night(urls, reuse, **job)
        built.run_all()
        return built


def statuses(batch: RunnerBatch) -> list[str]:
    return [line["status"] for line in batch.report()]


def codes(batch: RunnerBatch) -> Counter[str | None]:
    return Counter(line["error_code"] for line in batch.report())


def outputs(batch: RunnerBatch) -> list[bytes]:
    """Return the bytes of the outputs in the report, in its order."""
    return [batch.get(line["output_url"].removeprefix(f"{PUBLIC}/")) for line in batch.report()]


def delete(batch: RunnerBatch) -> None:
    """Delete all objects of a batch in the store."""
    for key in batch.list(batch.keys.root):
        obstore.delete(batch.store, key)
