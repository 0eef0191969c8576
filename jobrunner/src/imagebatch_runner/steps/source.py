"""Fetch the batch's table from its source, and copy it as a CSV to ``input.csv`` in the store.

The first plan pod makes the copy, whatever the kind of source. Everything else reads the copy, so a
source that changes or vanishes does not affect a running batch.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from imagebatch_core.catalogue.files import write_csv
from imagebatch_core.errors import ConfigurationRefused
from imagebatch_core.job import JobSource
from imagebatch_runner.failures import SourceMissing
from imagebatch_runner.settings import Settings
from imagebatch_runner.store.storage import Storage

from .batch import Batch
from .limited_file import LimitedFile, check_size
from .packed_input import is_gzip, is_zip, open_unpacked
from .scratch import scratch_folder


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
    elif source.retry is not None:
        earlier = batch.earlier
        if earlier is None or not _download(
            batch.storage, earlier.keys.input, path, batch.settings
        ):
            raise SourceMissing("the input of the batch to retry is no longer in the bucket")
    elif source.path is not None:
        try:
            size = Path(source.path).stat().st_size
        except OSError as error:
            raise SourceMissing(f"{source.path}: {error.strerror or error}") from error
        check_size(size, batch.settings)
        shutil.copyfile(source.path, path)
    elif source.url is not None:
        # Only such a batch pays for the import of the HTTP client.
        from .source_url import fetch  # noqa: PLC0415

        asyncio.run(fetch(source.url, path, batch))
    else:
        raise ConfigurationRefused("the job names no source")


def _make_plain(path: Path, sheet: str | None, settings: Settings) -> tuple[str, ...]:
    """Convert gzip or a workbook to CSV in place, and return notices about its content.

    The size limit also applies to the unpacked CSV: a small file may unpack to an endless one.
    """
    if sheet is None and not is_gzip(path) and not is_zip(path):
        return ()
    packed = path.rename(path.with_suffix(".packed"))
    with open_unpacked(packed) as stream, LimitedFile(path, settings) as file:
        notices = write_csv(stream, file.write, sheet=sheet)
    packed.unlink()
    return notices


def _download(storage: Storage, key: str, path: Path, settings: Settings) -> bool:
    """Copy an object to ``path``; return ``False`` if there is no such object."""
    try:
        with storage.reading(key) as stream, LimitedFile(path, settings) as file:
            file.copy(stream)
    except FileNotFoundError:
        return False
    return True
