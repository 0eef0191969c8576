"""Fetch and compress a sample of a batch's images, to say what the batch will take.

Nothing is stored. The sample is small and its time is bounded, so the figures are rough.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Final

from imagebatch_core.job import Estimate
from imagebatch_core.results import ErrorCode
from imagebatch_runner.failures import ImageFailed

from .batch import Batch
from .image import ImageWork, NewImage
from .image_tools import image_tools

#: Seconds after which images that are not done yet are left out.
SECONDS: Final = 20.0


@dataclass(slots=True)
class Trial:
    """The images of a sample that were done within the time.

    ``formats`` counts the formats of those that were compressed, ``failures`` the others by their
    error code. ``seconds`` is the time until the last of them was done.
    """

    formats: Counter[str] = field(default_factory=Counter)
    failures: Counter[ErrorCode] = field(default_factory=Counter)
    bytes_in: int = 0
    bytes_out: int = 0
    seconds: float = 0.0

    @property
    def compressed(self) -> int:
        return self.formats.total()

    @property
    def done(self) -> int:
        return self.compressed + self.failures.total()

    def estimate(self, images: int, pods: int) -> Estimate | None:
        """Return the estimate for so many images, compressed by so many pods at once.

        It is ``None`` if no image of the sample was done.
        """
        if not self.done:
            return None
        expected = round(images * self.compressed / self.done)
        each = expected / self.compressed if self.compressed else 0
        return Estimate(
            images=expected,
            bytes_in=round(self.bytes_in * each),
            bytes_out=round(self.bytes_out * each),
            seconds=ceil(self.seconds / self.done * images / pods),
            sampled=self.done,
            failed=self.failures.total(),
        )

    def sentence(self) -> str:
        """Return what was found, such as ``of 24 sampled images 22 could be compressed (20 jpeg,
        2 png), 2 failed (2 timeout)``."""
        text = f"of {self.done} sampled images {self.compressed} could be compressed"
        text += _counted(self.formats)
        if self.failures:
            text += f", {self.failures.total()} failed{_counted(self.failures)}"
        return text


async def try_out(batch: Batch, urls: Sequence[str], seconds: float = SECONDS) -> Trial:
    """Fetch and compress these images, each URL once and without retries."""
    trial = Trial()
    async with image_tools(batch, retries=0) as tools:
        start = time.monotonic()
        tasks = [
            asyncio.create_task(_one(tools.work, url, trial, start)) for url in dict.fromkeys(urls)
        ]
        _, pending = await asyncio.wait(tasks, timeout=seconds)
        for task in pending:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return trial


async def _one(work: ImageWork, url: str, trial: Trial, start: float) -> None:
    try:
        async with work.image(url) as image:
            assert isinstance(image, NewImage)  # noqa: S101 - there is no earlier output
            trial.formats[image.kind.value] += 1
            trial.bytes_in += image.bytes_in
            trial.bytes_out += len(image.compressed.data)
    except ImageFailed as failure:
        trial.failures[failure.code] += 1
    trial.seconds = time.monotonic() - start


def _counted(found: Counter[str] | Counter[ErrorCode]) -> str:
    parts = ", ".join(f"{count} {name}" for name, count in found.most_common())
    return f" ({parts})" if parts else ""
