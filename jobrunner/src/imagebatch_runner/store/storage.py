"""Access to the object store, which waits until outages end and raises refusals at once.

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

__all__ = ["PART_BYTES", "Storage"]

log = logging.getLogger(__name__)

T = TypeVar("T")

_LONGEST_WAIT: Final = 30.0
#: Seconds of failures of one image after which Storage checks if the store accepts other objects.
_OBJECT_PATIENCE: Final = 60.0
#: Size of the object for that check. A full SeaweedFS still accepts empty objects and objects that
#: it can compress to nothing; a proxy that refuses large objects must accept this one.
_WITNESS_BYTES: Final = 64 * 1024
#: obstore itself retries a failed request for this long; then this module waits and retries.
_REQUEST_RETRY: Final = timedelta(seconds=20)
#: Bytes of a multipart upload's part, and of the largest object that is put in one request.
PART_BYTES: Final = 8 << 20
#: Parts of an upload that are sent at once; each is in memory.
_PARTS_AT_ONCE: Final = 2


class Storage:
    """The object store; each operation waits up to ``patience`` seconds for an outage to end."""

    def __init__(self, store: ObjectStore, *, patience: float) -> None:
        self._store = store
        self._patience = patience

    @classmethod
    def open(cls, url: str, env: Mapping[str, str], *, patience: float) -> Storage:
        whole = timedelta(seconds=patience)
        store = open_store(url, env, retry_timeout=min(_REQUEST_RETRY, whole))
        return cls(store, patience=patience)

    def within(self, patience: float) -> Storage:
        """Return the same store with at most this patience, in seconds."""
        return Storage(self._store, patience=min(patience, self._patience))

    def get(self, key: str) -> bytes | None:
        """Return the object's bytes; ``None`` if there is no such object."""
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
        """Put an object like :meth:`put`; it may be cancelled while it waits for the store."""
        waits = _waits(self._patience)
        while True:
            try:
                await self._put_once(key, data)
            except Exception as error:  # noqa: BLE001 - what cannot pass is raised again
                await asyncio.sleep(_next_wait(passing(error, key, writing=True), key, waits))
            else:
                return

    async def put_image(self, key: str, data: bytes, witness: str) -> None:
        """Put an image's output like :meth:`put_async`, but detect a refusal of only this object.

        When the store keeps refusing the object, a small object is put at the key ``witness``, to
        find out whether the store refuses all objects or only this one.

        Raises:
            ObjectNotTaken: the store accepted the small object, but not this one even after that.
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
        """Copy an object within the store, without downloading it.

        Return ``False`` if there is no object ``source``, or the store refuses to copy it.
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
        """Put a file under a key that has no object; return ``False`` if it has one.

        If the store has no conditional put, or the file is too large for one, two writers at the
        same moment may both succeed; the later object stays.
        """
        if path.stat().st_size <= PART_BYTES:
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
        """Put a file like :meth:`put`, in parts if it is large.

        obstore retries most requests of an upload in parts. If a request fails nevertheless, the
        whole file is uploaded again, because an upload in parts cannot be continued.
        """

        def upload() -> None:
            obstore.put(
                self._store, key, path, chunk_size=PART_BYTES, max_concurrency=_PARTS_AT_ONCE
            )

        self._written(key, upload)

    def put_pieces(self, key: str, pieces: Iterator[bytes]) -> None:
        """Put an object whose bytes become known one by one, in pieces of :data:`PART_BYTES`.

        The object is seen after the last piece. If a piece raises an error, there is none. Any
        error of the store is raised, because the pieces cannot be had again.
        """
        obstore.put(self._store, key, pieces, chunk_size=PART_BYTES, max_concurrency=1)

    def delete(self, key: str) -> None:
        self._waited(key, lambda: obstore.delete(self._store, key))

    def keys(self, prefix: str) -> list[str]:
        """Return all keys under a prefix, sorted."""
        found = self._waited(prefix, lambda: obstore.list(self._store, prefix).collect())
        return sorted(entry["path"] for entry in found)

    def versions(self, prefix: str) -> dict[str, str]:
        """Return all keys under a prefix, each with a text that changes when it is overwritten."""
        found = self._waited(prefix, lambda: obstore.list(self._store, prefix).collect())
        return {
            one["path"]: f"{one['e_tag']}-{one['last_modified'].isoformat()}-{one['size']}"
            for one in found
        }

    def bytes_below(self, prefix: str) -> int:
        """Return the sizes in bytes of all objects under a prefix, added up."""
        found = self._waited(prefix, lambda: obstore.list(self._store, prefix).collect())
        return sum(entry["size"] for entry in found)

    def lists_any(self, prefix: str) -> bool:
        """Return whether a listing of the prefix has any key; this reads at most one page."""
        return self._waited(
            prefix, lambda: any(obstore.list(self._store, prefix or None, chunk_size=1))
        )

    @contextlib.contextmanager
    def reading(self, key: str) -> Iterator[IO[bytes]]:
        """Open a stream of the object's bytes, which waits until outages end.

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
        """Return whether the store now accepts a small object at the key ``witness``."""
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
    """Yield waits in seconds until ``patience`` has passed; each is twice the one before, up to
    ``_LONGEST_WAIT``."""
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
