"""Where the batch's CSV comes from, and the copy of it that everything else works on.

The first plan to get there copies the source, whatever its kind, to ``input.csv``; every later
look is at that copy, so a source that changes or vanishes does not change a running batch.
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

import aiohttp

from imagebatch_core.egress import AddressRefused
from imagebatch_core.errors import ConfigurationRefused, InputRefused
from imagebatch_core.job import JobSource
from imagebatch_core.results import LONGEST_MESSAGE
from imagebatch_runner.failures import ImageFailed, SourceMissing, SourceUnavailable
from imagebatch_runner.fetch import web
from imagebatch_runner.fetch.retry import RetryPolicy
from imagebatch_runner.memory import MIB
from imagebatch_runner.settings import Settings
from imagebatch_runner.store.storage import Storage

from .batch import Batch
from .gzip_input import is_gzip, open_unpacked
from .scratch import scratch_folder

log = logging.getLogger(__name__)

_CHUNK = 1 << 20


@contextmanager
def copied_input(batch: Batch) -> Iterator[Path]:
    """The batch's input as a local file, stored as ``input.csv`` before it is given out.

    Raises:
        SourceMissing: there is nothing at the source.
        SourceUnavailable: its address does not give it now, and may later.
        InputRefused: it is over the size limit, or its address refuses it, or it is gzip that
            cannot be unpacked.
    """
    key = batch.keys.input
    with scratch_folder() as folder:
        path = folder / "input.csv"
        if not _download(batch.storage, key, path, batch.settings):
            _spool(batch.job.source, path, batch)
            if is_gzip(path):
                _unpack(path, batch.settings)
            if not batch.storage.create_from_file(key, path):
                _download(batch.storage, key, path, batch.settings)  # another plan was first
        yield path


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a CSV's bytes; packed or not, the same CSV has the same one.

    Raises:
        InputRefused: it is gzip that cannot be unpacked.
    """
    digest = sha256()
    with open_unpacked(path) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _spool(source: JobSource, path: Path, batch: Batch) -> None:
    if source.key is not None:
        if not _download(batch.storage, source.key, path, batch.settings):
            raise SourceMissing(f"there is no object {source.key!r} in the bucket")
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


def _unpack(path: Path, settings: Settings) -> None:
    """In place; a bomb stops at the size limit."""
    packed = path.rename(path.with_suffix(".gz"))
    size = 0
    with open_unpacked(packed) as stream, path.open("wb") as file:
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            _check_size(size, settings)
            file.write(chunk)
    packed.unlink()


def _download(storage: Storage, key: str, path: Path, settings: Settings) -> bool:
    try:
        with storage.reading(key) as stream, path.open("wb") as file:
            size = 0
            while chunk := stream.read(_CHUNK):
                size += len(chunk)
                _check_size(size, settings)
                file.write(chunk)
    except FileNotFoundError:
        return False
    return True


async def _fetch(url: str, path: Path, batch: Batch) -> None:
    """As patient as with an image: a failure that may pass is tried again after a wait."""
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
            told = batch.credentials.redacted(failure.message)  # whole, and then it is cut
            text = f"{url}: {told[:LONGEST_MESSAGE]}"
            if not failure.code.retryable:
                raise InputRefused(text) from failure
            wait = policy.wait(failure, attempt, random.random)
            if wait is None:
                raise SourceUnavailable(text) from failure
            log.warning("%s; again in %.1f s", text, wait)
            await asyncio.sleep(wait)


async def _attempt(url: str, path: Path, batch: Batch) -> None:
    settings = batch.settings
    try:
        async with (
            asyncio.timeout(settings.fetch_total_seconds),
            web.open_session(settings, batch.credentials) as session,
            web.opened(session, url, redirects=settings.fetch_redirects) as response,
        ):
            size = 0
            with path.open("wb") as file:
                async for chunk in response.content.iter_chunked(_CHUNK):
                    size += len(chunk)
                    _check_size(size, settings)
                    file.write(chunk)
    except (aiohttp.ClientError, TimeoutError, ConnectionError, AddressRefused) as error:
        raise web.as_failure(error) from error


def _check_size(size: int, settings: Settings) -> None:
    if size > settings.source_max_bytes:
        raise InputRefused(f"larger than {settings.source_max_bytes / MIB:g} MiB")
