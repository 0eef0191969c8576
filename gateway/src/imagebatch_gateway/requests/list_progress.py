"""Counts the images of the running requests of a list, as their own pages do.

The operator counts in whole shards: a batch of one shard would stand at 0 until its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from imagebatch_core.keys import BatchKeys
from imagebatch_core.results import saved_share
from imagebatch_gateway.answers.models import RequestStatus
from imagebatch_gateway.backends.errors import GatewayError

from .describe import done_bytes, done_images
from .history import Entry
from .progress import Progress, ProgressReader

#: Most requests of one page whose images are counted, the newest first. The others of the page
#: show the operator's counts.
COUNTED: Final = 20
#: Seconds that a list waits for the counts.
SECONDS: Final = 1.0


async def with_progress(
    entries: Sequence[Entry], reader: ProgressReader, namespace: str, seconds: float = SECONDS
) -> list[Entry]:
    """Return the entries; those that run have the images that their pods have recorded so far.

    An entry whose images cannot be counted in time stays as it is.
    """
    running = [
        (place, entry.storage)
        for place, entry in enumerate(entries)
        if entry.status is RequestStatus.PROCESSING and entry.storage is not None
    ]
    counted = list(entries)

    async def count(place: int, storage: str) -> None:
        try:
            keys = BatchKeys.at(storage, namespace)
        except ValueError:  # another namespace's data: not this list's to show
            return
        progress = await reader.read(keys)
        if progress is not None:
            counted[place] = _counted(entries[place], progress)

    tasks = [asyncio.create_task(count(*one)) for one in running[:COUNTED]]
    if tasks:
        done, late = await asyncio.wait(tasks, timeout=seconds)
        for task in late:
            task.cancel()
        for task in done:
            error = task.exception()
            if error is not None and not isinstance(error, GatewayError):
                raise error
    return counted


def _counted(entry: Entry, progress: Progress) -> Entry:
    images = done_images(entry.images, progress)
    sizes = entry.bytes or done_bytes(progress)
    saved = entry.saved
    if sizes is not None:
        saved = saved or saved_share(sizes.in_, sizes.out)
    return replace(entry, images=images, bytes=sizes, saved=saved)
