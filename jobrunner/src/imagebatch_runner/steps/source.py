"""Fetch the batch's table from its source, and copy it as a CSV to ``input.csv`` in the store.

The first plan pod makes the copy, whatever the kind of source. Everything else reads the copy, so a
source that changes or vanishes does not affect a running batch.
"""

from __future__ import annotations

import asyncio
import logging
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO, NamedTuple, Self

import aiohttp

from imagebatch_core.catalogue.files import write_csv
from imagebatch_core.egress import AddressRefused
from imagebatch_core.errors import ConfigurationRefused, InputRefused
from imagebatch_core.job import JobSource
from imagebatch_core.results import LONGEST_MESSAGE
from imagebatch_core.shown_url import shown_url
from imagebatch_runner.failures import ImageFailed, SourceMissing, SourceUnavailable
from imagebatch_runner.fetch import web
from imagebatch_runner.fetch.network_errors import as_failure
from imagebatch_runner.fetch.pace import Pace
from imagebatch_runner.fetch.retry import RetryPolicy
from imagebatch_runner.memory import MIB
from imagebatch_runner.settings import Settings
from imagebatch_runner.store.storage import Storage

from .batch import Batch
from .packed_input import is_gzip, is_zip, open_unpacked
from .scratch import scratch_folder

log = logging.getLogger(__name__)

_CHUNK = 1 << 20


class CopiedInput(NamedTuple):
    """The copy as a local file, and notices about the source from its conversion to CSV."""

    path: Path
    notices: tuple[str, ...]


@contextmanager
def copied_input(batch: Batch) -> Iterator[CopiedInput]:
    """Store the batch's input as ``input.csv`` if it is not stored yet, and yield a local copy.

    Raises:
        SourceMissing: there is nothing at the source.
        SourceUnavailable: the source's address fails, but may work later.
        InputRefused: the input is over the size limit, its address refuses it, or it is gzip or a
            workbook that cannot be read.
    """
    key = batch.keys.input
    notices: tuple[str, ...] = ()
    with scratch_folder() as folder:
        path = folder / "input.csv"
        if not _download(batch.storage, key, path, batch.settings):
            _copy_source(batch.job.source, path, batch)
            notices = _make_plain(path, batch.job.source.sheet, batch.settings)
            if not batch.storage.create_from_file(key, path):
                _download(batch.storage, key, path, batch.settings)  # another plan was first
        yield CopiedInput(path, notices)


def sha256_of(path: Path, sheet: str | None = None) -> str:
    """Return the hexadecimal SHA-256 of a CSV file.

    For gzip or a workbook's ``sheet`` it is the SHA-256 of the CSV that the file contains.

    Raises:
        InputRefused: the file is gzip or a workbook that cannot be read.
    """
    digest = sha256()
    with open_unpacked(path) as file:
        write_csv(file, digest.update, sheet=sheet)
    return digest.hexdigest()


def _copy_source(source: JobSource, path: Path, batch: Batch) -> None:
    if source.key is not None:
        key = batch.keys.prefix + source.key
        if not _download(batch.storage, key, path, batch.settings):
            raise SourceMissing(f"there is no object {key!r} in the bucket")
    elif source.path is not None:
        try:
            size = Path(source.path).stat().st_size
        except OSError as error:
            raise SourceMissing(f"{source.path}: {error.strerror or error}") from error
        _check_size(size, batch.settings)
        shutil.copyfile(source.path, path)
    elif source.url is not None:
        asyncio.run(_fetch(source.url, path, batch))
    else:
        raise ConfigurationRefused("the job names no source")


def _make_plain(path: Path, sheet: str | None, settings: Settings) -> tuple[str, ...]:
    """Convert gzip or a workbook to CSV in place, and return notices about its content.

    The size limit also applies to the unpacked CSV: a small file may unpack to an endless one.
    """
    if sheet is None and not is_gzip(path) and not is_zip(path):
        return ()
    packed = path.rename(path.with_suffix(".packed"))
    with open_unpacked(packed) as stream, _LimitedFile(path, settings) as file:
        notices = write_csv(stream, file.write, sheet=sheet)
    packed.unlink()
    return notices


def _download(storage: Storage, key: str, path: Path, settings: Settings) -> bool:
    """Copy an object to ``path``; return ``False`` if there is no such object."""
    try:
        with storage.reading(key) as stream, _LimitedFile(path, settings) as file:
            file.copy(stream)
    except FileNotFoundError:
        return False
    return True


async def _fetch(url: str, path: Path, batch: Batch) -> None:
    """Fetch the CSV from ``url`` to ``path``. Failures that may pass are retried, as for an image.

    Error messages reach the batch's status, so they show only scheme, host and path of the URL.
    """
    settings = batch.settings
    policy = RetryPolicy(
        batch.job.retries, base=settings.retry_base_seconds, longest=settings.retry_max_seconds
    )
    attempt = 0
    while True:
        attempt += 1
        try:
            return await _attempt(url, path, batch)
        except ImageFailed as failure:
            told = batch.credentials.redacted(failure.message)  # before it is cut
            text = f"{shown_url(url)}: {told[:LONGEST_MESSAGE]}"
            if not failure.code.retryable:
                raise InputRefused(text) from failure
            wait = policy.wait(failure, attempt, random.random)
            if wait is None:
                raise SourceUnavailable(text) from failure
            log.warning("%s; trying again in %.1f s", text, wait)
            await asyncio.sleep(wait)


async def _attempt(url: str, path: Path, batch: Batch) -> None:
    settings = batch.settings
    pace: Pace | None = None
    try:
        async with (
            asyncio.timeout(settings.fetch_total_seconds) as clock,
            web.open_session(settings, batch.credentials) as session,
            web.opened(session, url, redirects=settings.fetch_redirects) as response,
        ):
            pace = Pace(clock, settings)
            with _LimitedFile(path, settings) as file:
                async for chunk in response.content.iter_chunked(_CHUNK):
                    pace.received(len(chunk))
                    file.write(chunk)
    except TimeoutError as error:
        raise (pace and pace.explain()) or as_failure(error) from error
    except (aiohttp.ClientError, ConnectionError, AddressRefused) as error:
        raise as_failure(error) from error


class _LimitedFile:
    """A file to write, which may not grow over the size limit of a CSV."""

    def __init__(self, path: Path, settings: Settings) -> None:
        self._file = path.open("wb")
        self._settings = settings
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, chunk: bytes) -> None:
        self._size += len(chunk)
        _check_size(self._size, self._settings)
        self._file.write(chunk)

    def copy(self, stream: IO[bytes]) -> None:
        while chunk := stream.read(_CHUNK):
            self.write(chunk)


def _check_size(size: int, settings: Settings) -> None:
    if size > settings.source_max_bytes:
        raise InputRefused(f"larger than {settings.source_max_bytes / MIB:g} MiB")
