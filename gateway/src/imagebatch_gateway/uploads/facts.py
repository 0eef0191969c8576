"""What is in the file of an upload, whichever way it came."""

from __future__ import annotations

from tempfile import SpooledTemporaryFile
from typing import IO, Final, cast

import anyio
import anyio.to_thread

from imagebatch_gateway.backends.objects import Objects

from .csv_check import CsvFacts, check_csv
from .form import CheckedForm
from .stream import CsvStream

_IN_MEMORY: Final = 64 * 1024


async def facts_of(
    form: CheckedForm,
    stream: CsvStream | None,
    objects: Objects,
    *,
    prefix: str,
    threads: anyio.CapacityLimiter,
) -> CsvFacts:
    """Return what is in the file of a form. A ``stream`` was checked while it arrived.

    A form may say after the file to read it in another way than it was checked. Then the stream is
    committed, and its object is read once more.

    Raises:
        InputRefused: the file is not a valid CSV or workbook. GatewayError: the store refuses or
        does not respond.
    """
    source = form.source
    if stream is None:
        return await anyio.to_thread.run_sync(check_csv, form.file.file, source, limiter=threads)
    if source.model_copy(update={"s3": None}) == stream.source:
        return await stream.facts()
    await stream.commit()
    opened = await objects.open(prefix + stream.key)
    with SpooledTemporaryFile(_IN_MEMORY) as copied:
        async for chunk in opened.chunks:
            await anyio.to_thread.run_sync(copied.write, chunk)
        return await anyio.to_thread.run_sync(
            check_csv, cast(IO[bytes], copied), source, limiter=threads
        )
