"""The object store as the runner uses it: it waits for outages and raises refusals at once.

Errors of obstore do not leave this module. Keys are those of :mod:`imagebatch_core.keys`.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import os
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
    PreconditionError,
)

from imagebatch_core.errors import StorageRefused
from imagebatch_core.store import ObjectStore, open_store
from imagebatch_runner.failures import ObjectNotTaken

from .errors import first_line, is_full, passing, passing_or_refusal, unavailable
from .streams import Reading

__all__ = ["Storage"]

log = logging.getLogger(__name__)

T = TypeVar("T")

_LONGEST_WAIT: Final = 30.0
#: Seconds after which it is checked whether the store takes other objects than this image.
_OBJECT_PATIENCE: Final = 60.0
#: Size of the object that checks this. A full SeaweedFS still takes empty objects and ones that it
#: can compress to nothing; a proxy that refuses large objects must take it.
_WITNESS_BYTES: Final = 64 * 1024
#: obstore itself repeats a failed request for this long; then this module waits and repeats.
_REQUEST_RETRY: Final = timedelta(seconds=20)
#: Bytes of a multipart upload's part, and of the largest object that is put in one request.
_PART_BYTES: Final = 8 << 20
#: Parts that are uploaded at once; each is in memory.
_PARTS_AT_ONCE: Final = 2


class Storage:
    """``patience`` is how many seconds each operation waits for an outage to end."""

    def __init__(self, store: ObjectStore, *, patience: float) -> None:
        self._store = store
        self._patience = patience

    @classmethod
    def open(cls, url: str, env: Mapping[str, str], *, patience: float) -> Storage:
        whole = timedelta(seconds=patience)
        store = open_store(url, env, retry_timeout=min(_REQUEST_RETRY, whole))
        return cls(store, patience=patience)

    def within(self, patience: float) -> Storage:
        """The same store with at most this patience, in seconds."""
        return Storage(self._store, patience=min(patience, self._patience))

    def get(self, key: str) -> bytes | None:
        """The object's bytes, ``None`` if there is no such object."""
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
        """As :meth:`put`. It may be cancelled while it waits for the store."""
        waits = _waits(self._patience)
        while True:
            try:
                await self._put_once(key, data)
            except Exception as error:  # noqa: BLE001 - what cannot pass is raised again
                await asyncio.sleep(_next_wait(passing(error, key, writing=True), key, waits))
            else:
                return

    async def put_image(self, key: str, data: bytes, witness: str) -> None:
        """As :meth:`put_async`, for an object that may fail alone.

        When the store keeps refusing it, a small object is put at ``witness``, to find out whether
        the store takes nothing or only not this object.

        Raises:
            ObjectNotTaken: the store took the other object, and not this one even after that.
        """
        waits = _waits(self._patience)
        blame_from = time.monotonic() + min(self._patience, _OBJECT_PATIENCE)
        blamed = False
        while True:
            try:
                return await self._put_once(key, data)
            except Exception as error:
                if blamed:
                    raise ObjectNotTaken(
                        f"the object store does not take it: {first_line(error)}"
                    ) from error
                found = passing_or_refusal(error, key)
                due = isinstance(found, StorageRefused) or time.monotonic() >= blame_from
                blamed = due and not is_full(error) and await self._takes(witness)
                if not blamed:
                    if isinstance(found, StorageRefused):
                        raise found from error
                    await asyncio.sleep(_next_wait(found, key, waits))

    async def copy_async(self, source: str, target: str) -> bool:
        """Copy within the store; no byte of it comes here.

        ``False`` if there is no such source, or the store refuses to copy it.
        """
        waits = _waits(self._patience)
        while True:
            try:
                await obstore.copy_async(self._store, source, target)
            except FileNotFoundError:
                return False
            except Exception as error:  # noqa: BLE001 - what cannot pass is raised again
                found = passing_or_refusal(error, target)
                if isinstance(found, StorageRefused):
                    log.warning("the store does not copy %s: %s", source, first_line(error))
                    return False
                await asyncio.sleep(_next_wait(found, target, waits))
            else:
                return True

    def create_from_file(self, key: str, path: Path) -> bool:
        """Put a file under a key that is free; ``False`` if it is not.

        If the store has no conditional put, or the file is too large for one, two writers at the
        same moment may both succeed; the later object stays.
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
        self.put_file(key, path)
        return True

    def put_file(self, key: str, path: Path) -> None:
        """As :meth:`put`, in parts if the file is large.

        obstore repeats most requests of such an upload. When one fails nevertheless, the whole file
        is uploaded again, because an upload in parts cannot be continued.
        """

        def upload() -> None:
            obstore.put(
                self._store, key, path, chunk_size=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE
            )

        self._written(key, upload)

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
        """A stream of the object's bytes, which waits for outages.

        Raises:
            FileNotFoundError: there is no such object.
        """

        def waited(operation: Callable[[], T]) -> T:
            return self._waited(key, operation)

        raw = Reading(lambda: obstore.open_reader(self._store, key), waited)
        with io.BufferedReader(raw, buffer_size=256 * 1024) as stream:
            yield stream

    async def _put_once(self, key: str, data: bytes) -> None:
        await obstore.put_async(self._store, key, data, use_multipart=False)

    async def _takes(self, witness: str) -> bool:
        """Whether the store takes an object like an image now."""
        try:
            await self._put_once(witness, os.urandom(_WITNESS_BYTES))
            await obstore.delete_async(self._store, witness)
        except Exception as error:  # noqa: BLE001 - any error means no
            log.debug("the store does not take %s: %s", witness, first_line(error))
            return False
        return True

    def _written(self, key: str, operation: Callable[[], object]) -> None:
        self._waited(key, operation, writing=True)

    def _waited(self, key: str, operation: Callable[[], T], *, writing: bool = False) -> T:
        waits = _waits(self._patience)
        while True:
            try:
                return operation()
            except Exception as error:  # noqa: BLE001 - what cannot pass is raised again
                time.sleep(_next_wait(passing(error, key, writing=writing), key, waits))


def _waits(patience: float) -> Iterator[float]:
    """Waits in seconds, each twice the one before, until ``patience`` has passed."""
    end = time.monotonic() + patience
    wait = 0.5
    while time.monotonic() < end:
        yield wait
        wait = min(wait * 2, _LONGEST_WAIT)


def _next_wait(error: BaseError, key: str, waits: Iterator[float]) -> float:
    wait = next(waits, None)
    if wait is None:
        raise unavailable(error) from error
    log.warning("the store failed at %s: %s; trying again in %.1f s", key, first_line(error), wait)
    return wait
