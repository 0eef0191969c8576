"""Downloads all outputs of a request into a folder, several at the same time."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from imagebatch import AsyncClient
from imagebatch.errors import ImageBatchError, NotAllowed
from imagebatch.models import Image

from .context import Gateway

#: Problems that are kept for the message; more are counted only.
_MOST_PROBLEMS = 20
#: The end of an output's address: the hash of its content and its extension.
_NAME = re.compile(r"-(?P<sha256>[0-9a-f]{64})\.(?P<extension>[a-z0-9]{1,5})$")


@dataclass(slots=True)
class Tally:
    """What a download of images has done so far."""

    fetched: int = 0
    present: int = 0
    bytes: int = 0
    failed: int = 0
    problems: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        """Return the counts."""
        return {
            "fetched": self.fetched,
            "present": self.present,
            "bytes": self.bytes,
            "failed": self.failed,
        }


async def fetch_outputs(
    gateway: Gateway,
    request_id: str,
    folder: Path,
    jobs: int,
    took: Callable[[Tally, int], None],
) -> Tally:
    """Write the outputs of a request to ``folder``, ``jobs`` at a time.

    A file that is there and holds the output is kept: the output's address has the hash of its
    content. An output that cannot be read is told in ``problems``; the others are read all the
    same. ``took`` gets the tally and the number of outputs of the request after each.
    """
    tally = Tally()
    queue: asyncio.Queue[Image | None] = asyncio.Queue(jobs * 4)
    async with gateway.async_client() as client:
        images = (await client.status(request_id)).images
        total = images.total - (images.failed or 0)

        async def work() -> None:
            while (image := await queue.get()) is not None:
                await _one(client, image, folder, tally)
                took(tally, total)

        async def feed() -> None:
            async for image in client.images(request_id):
                if image.output_url is not None:
                    await queue.put(image)
            for _ in range(jobs):
                await queue.put(None)

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(feed())
                for _ in range(jobs):
                    group.create_task(work())
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from errors
    if tally.failed > len(tally.problems):
        tally.problems.append(f"and {tally.failed - len(tally.problems)} more")
    return tally


async def _one(client: AsyncClient, image: Image, folder: Path, tally: Tally) -> None:
    match = _NAME.search(urlsplit(image.output_url or "").path)
    if match is None:
        _failed(tally, image, f"its address has no hash: {image.output_url}")
        return
    target = folder / f"{image.row}-{image.position}.{match['extension']}"
    sha256 = match["sha256"]
    if await asyncio.to_thread(_holds, target, sha256):
        tally.present += 1
        return
    try:
        await client.download_output(image, target, sha256=sha256)
    except NotAllowed:
        raise
    except ImageBatchError as error:
        _failed(tally, image, str(error))
        return
    tally.fetched += 1
    tally.bytes += target.stat().st_size


def _failed(tally: Tally, image: Image, why: str) -> None:
    tally.failed += 1
    if len(tally.problems) < _MOST_PROBLEMS:
        tally.problems.append(f"row {image.row}, image {image.position}: {why}")


def _holds(path: Path, sha256: str) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except FileNotFoundError:
        return False
