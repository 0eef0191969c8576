"""Streams all outputs of a batch as one ZIP archive."""

from __future__ import annotations

import asyncio
import tempfile
from collections import deque
from collections.abc import AsyncIterator
from datetime import datetime
from typing import IO, Final, cast

from imagebatch_core.keys import BatchKeys, parse_image_key
from imagebatch_gateway.backends.objects import Objects

from .reported import Reported
from .zip_format import ZipStream

#: Number of outputs that are read ahead while one is sent.
READ_AHEAD: Final = 4
#: The largest output in bytes, which is read whole. Inputs have at most 64 MiB by default, and an
#: output may be larger where its format must change.
_LARGEST: Final = 256 * 1024 * 1024
#: A larger directory of the archive, in bytes, is kept on the scratch volume, not in memory.
_IN_MEMORY: Final = 4 * 1024 * 1024


async def output_zip(
    objects: Objects, reported: Reported, keys: BatchKeys, made_at: datetime
) -> AsyncIterator[bytes]:
    """Yield the archive in pieces. Its files are named ``<row>-<position>.<extension>``.

    If an output is missing in the store, the stream fails, so that nobody takes an incomplete
    archive for a complete one. ``made_at`` is the time stamp of all files.

    Raises ResultMissing, ResultUnreadable, StoreUnavailable.
    """
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as directory:
        archive = ZipStream(cast("IO[bytes]", directory), made_at)
        async for name, content in _read_ahead(objects, _outputs(reported, keys)):
            yield archive.add(name, content)
        for piece in archive.end():
            yield piece


async def _read_ahead(
    objects: Objects, outputs: AsyncIterator[tuple[str, str]]
) -> AsyncIterator[tuple[str, bytes]]:
    """Yield name and content of each output in order, reading the next ones in parallel."""
    reading: deque[tuple[str, asyncio.Task[bytes]]] = deque()
    try:
        async for name, key in outputs:
            reading.append((name, asyncio.create_task(objects.read(key, at_most=_LARGEST))))
            if len(reading) > READ_AHEAD:
                ready, task = reading.popleft()
                yield ready, await task
        while reading:
            ready, task = reading.popleft()
            yield ready, await task
    finally:
        for _, task in reading:
            task.cancel()
        await asyncio.gather(*(task for _, task in reading), return_exceptions=True)


async def _outputs(reported: Reported, keys: BatchKeys) -> AsyncIterator[tuple[str, str]]:
    """Yield the name in the archive and the key in the bucket of each output, in input order.

    Outputs of another namespace are left out.
    """
    async for results, _ in reported.from_row(keys, 1):
        for result in results:
            key = result.get("output_key") or ""
            named = parse_image_key(key)
            # Who may write the report may not read other namespaces, and the gateway may.
            if named is not None and named.namespace == keys.namespace:
                yield f"{result['row']}-{result['position']}.{named.extension}", key
