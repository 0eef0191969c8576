"""The object store in the runner's terms: outages are waited for, refusals are told at once.

Vendor errors stop here. Keys are those of :mod:`imagebatch_core.keys`.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import IO, Final, TypeVar

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    NotSupportedError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from imagebatch_core.errors import StorageRefused
from imagebatch_core.store import ObjectStore, open_store

from .failures import StorageUnavailable

__all__ = ["Storage"]

log = logging.getLogger(__name__)

T = TypeVar("T")

_LONGEST_WAIT: Final = 30.0
#: obstore repeats a request by itself for this long; then the waiting here begins.
_REQUEST_RETRY: Final = timedelta(seconds=20)
#: Bytes of a multipart upload's part; also the largest object of a create-only put.
_PART_BYTES: Final = 8 << 20


class Storage:
    """``patience`` in seconds: how long an outage is waited for, per operation."""

    def __init__(self, store: ObjectStore, *, patience: float) -> None:
        self._store = store
        self._patience = patience

    @classmethod
    def open(cls, url: str, env: Mapping[str, str], *, patience: float) -> Storage:
        return cls(open_store(url, env, retry_timeout=_REQUEST_RETRY), patience=patience)

    def get(self, key: str) -> bytes | None:
        """The object's bytes, ``None`` if there is none."""
        try:
            return self._waited(key, lambda: bytes(obstore.get(self._store, key).bytes()))
        except FileNotFoundError:
            return None

    def exists(self, key: str) -> bool:
        try:
            self._waited(key, lambda: obstore.head(self._store, key))
        except FileNotFoundError:
            return False
        return True

    def put(self, key: str, data: bytes) -> None:
        self._written(key, lambda: obstore.put(self._store, key, data, use_multipart=False))

    async def put_async(self, key: str, data: bytes) -> None:
        """As :meth:`put`; cancelling it while it waits for the store is safe."""
        waits = _waits(self._patience)
        while True:
            try:
                await obstore.put_async(self._store, key, data, use_multipart=False)
            except Exception as error:  # noqa: BLE001 - sorted right below
                await asyncio.sleep(_next_wait(_sorted(error, key, writing=True), key, waits))
            else:
                return

    async def copy_async(self, source: str, target: str) -> bool:
        """Copy within the store, which moves no byte through here; ``False``: no such source."""
        waits = _waits(self._patience)
        while True:
            try:
                await obstore.copy_async(self._store, source, target)
            except FileNotFoundError:
                return False
            except Exception as error:  # noqa: BLE001 - sorted right below
                await asyncio.sleep(_next_wait(_sorted(error, target, writing=True), target, waits))
            else:
                return True

    def create_from_file(self, key: str, path: Path) -> bool:
        """Put a file where nothing is yet; ``False`` if something is.

        Two writers at the same moment may both succeed where the store knows no conditional put,
        or the file is too large for one; then the last of them stays.
        """
        if path.stat().st_size <= _PART_BYTES:
            data = path.read_bytes()
            with contextlib.suppress(NotSupportedError):
                try:
                    self._written(key, lambda: obstore.put(self._store, key, data, mode="create"))
                except (AlreadyExistsError, PreconditionError):
                    return False
                return True
        if self.exists(key):
            return False
        self._written(key, lambda: obstore.put(self._store, key, path, chunk_size=_PART_BYTES))
        return True

    def delete(self, key: str) -> None:
        self._waited(key, lambda: obstore.delete(self._store, key))

    def keys(self, prefix: str) -> list[str]:
        """All keys under a prefix, sorted."""
        found = self._waited(prefix, lambda: obstore.list(self._store, prefix).collect())
        return sorted(entry["path"] for entry in found)

    def lists_any(self, prefix: str) -> bool:
        """Whether a listing of the prefix names any key; reads one page at most."""
        return self._waited(
            prefix, lambda: any(obstore.list(self._store, prefix or None, chunk_size=1))
        )

    @contextlib.contextmanager
    def reading(self, key: str) -> Iterator[IO[bytes]]:
        """A stream of the object's bytes.

        Raises:
            FileNotFoundError: there is no such object.
        """
        reader = self._waited(key, lambda: obstore.open_reader(self._store, key))
        with io.BufferedReader(_Raw(reader), buffer_size=256 * 1024) as stream:
            yield stream

    def writer(self, key: str) -> obstore.WritableFile:
        """Bytes written here become the object at ``close``; without it, nothing of them does."""
        return obstore.open_writer(self._store, key, buffer_size=_PART_BYTES, max_concurrency=2)

    def _written(self, key: str, operation: Callable[[], object]) -> None:
        self._waited(key, operation, writing=True)

    def _waited(self, key: str, operation: Callable[[], T], *, writing: bool = False) -> T:
        waits = _waits(self._patience)
        while True:
            try:
                return operation()
            except Exception as error:  # noqa: BLE001 - sorted right below
                time.sleep(_next_wait(_sorted(error, key, writing=writing), key, waits))


def _waits(patience: float) -> Iterator[float]:
    """Doubling waits in seconds until ``patience`` has passed since the first failure."""
    end = time.monotonic() + patience
    wait = 0.5
    while time.monotonic() < end:
        yield wait
        wait = min(wait * 2, _LONGEST_WAIT)


def _next_wait(error: BaseError, key: str, waits: Iterator[float]) -> float:
    wait = next(waits, None)
    if wait is None:
        raise StorageUnavailable(f"the object store does not answer: {_first_line(error)}") from (
            error
        )
    log.warning("storage: %s: %s; again in %.1f s", key, _first_line(error), wait)
    return wait


def _sorted(error: Exception, key: str, *, writing: bool) -> BaseError:
    """Give back what may pass with time; raise everything else."""
    if isinstance(error, (PermissionDeniedError, UnauthenticatedError)) or _is_refusal(error):
        raise StorageRefused(
            f"the object store refuses access to {key!r}: check the key pair and its rights "
            f"({_first_line(error)})"
        ) from error
    if isinstance(error, FileNotFoundError) and writing:
        raise StorageRefused(
            f"the object store has no place for {key!r}: does the bucket exist? "
            f"({_first_line(error)})"
        ) from error
    if isinstance(error, (NotSupportedError, AlreadyExistsError, PreconditionError)):
        raise error
    if not isinstance(error, BaseError):
        raise error
    return error


def _is_refusal(error: Exception) -> bool:
    """A listing that is answered with 4xx comes as an error without a class of its own."""
    found = re.search(r"non-2xx status code: (4\d\d)", str(error))
    return found is not None and found[1] not in ("404", "408", "425", "429")


def _first_line(error: BaseException) -> str:
    """obstore's messages end with a dump of the request."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:300]


class _Raw(io.RawIOBase):
    """obstore's reader as the raw stream that :class:`io.BufferedReader` wants."""

    def __init__(self, reader: obstore.ReadableFile) -> None:
        self._reader = reader

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed: Buffer
        data = self._reader.read(len(buffer))
        size = len(data)
        buffer[:size] = memoryview(data)
        return size
