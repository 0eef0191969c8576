"""The object store in the runner's terms: outages are waited for, refusals are told at once.

Vendor errors stop here. Keys are those of :mod:`imagebatch_core.keys`.
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

from .errors import first_line, is_full, sorted_or_refusal, sorted_out, unavailable
from .streams import Reading

__all__ = ["Storage"]

log = logging.getLogger(__name__)

T = TypeVar("T")

_LONGEST_WAIT: Final = 30.0
#: Seconds after which an image that the store does not take is looked at by itself.
_OBJECT_PATIENCE: Final = 60.0
#: A full store may still take an object of no bytes (SeaweedFS), or what it can pack to nothing;
#: a proxy that takes no large ones takes this.
_WITNESS_BYTES: Final = 64 * 1024
#: obstore repeats a request by itself for this long; then the waiting here begins.
_REQUEST_RETRY: Final = timedelta(seconds=20)
#: Bytes of a multipart upload's part; also the largest object of a create-only put.
_PART_BYTES: Final = 8 << 20
#: Parts on their way at once, each of which is in memory.
_PARTS_AT_ONCE: Final = 2


class Storage:
    """``patience`` in seconds: how long an outage is waited for, per operation."""

    def __init__(self, store: ObjectStore, *, patience: float) -> None:
        self._store = store
        self._patience = patience

    @classmethod
    def open(cls, url: str, env: Mapping[str, str], *, patience: float) -> Storage:
        whole = timedelta(seconds=patience)
        store = open_store(url, env, retry_timeout=min(_REQUEST_RETRY, whole))
        return cls(store, patience=patience)

    def within(self, patience: float) -> Storage:
        """The same store, waited for no longer than so many seconds."""
        return Storage(self._store, patience=min(patience, self._patience))

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
                await self._put_once(key, data)
            except Exception as error:  # noqa: BLE001 - sorted right below
                await asyncio.sleep(_next_wait(sorted_out(error, key, writing=True), key, waits))
            else:
                return

    async def put_image(self, key: str, data: bytes, witness: str) -> None:
        """As :meth:`put_async`, for an object that others do not depend on.

        When the store keeps refusing or failing it, a small object at ``witness`` tells whether
        the store is at fault or this object is.

        Raises:
            ObjectNotTaken: the store takes others, and did not take this one even after that.
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
                passing = sorted_or_refusal(error, key)
                due = isinstance(passing, StorageRefused) or time.monotonic() >= blame_from
                blamed = due and not is_full(error) and await self._takes(witness)
                if not blamed:
                    if isinstance(passing, StorageRefused):
                        raise passing from error
                    await asyncio.sleep(_next_wait(passing, key, waits))

    async def copy_async(self, source: str, target: str) -> bool:
        """Copy within the store, which moves no byte through here.

        ``False``: there is no such source, or the store refuses to copy it.
        """
        waits = _waits(self._patience)
        while True:
            try:
                await obstore.copy_async(self._store, source, target)
            except FileNotFoundError:
                return False
            except Exception as error:  # noqa: BLE001 - sorted right below
                passing = sorted_or_refusal(error, target)
                if isinstance(passing, StorageRefused):
                    log.warning("storage: %s is not copied: %s", source, first_line(error))
                    return False
                await asyncio.sleep(_next_wait(passing, target, waits))
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
        self.put_file(key, path)
        return True

    def put_file(self, key: str, path: Path) -> None:
        """As :meth:`put`, in parts where the file is large.

        An upload in parts cannot be taken up where it broke off: obstore repeats most of its
        requests, and what fails nevertheless begins the file anew.
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
        """A stream of the object's bytes; an outage in the middle is waited for.

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
        """Whether the store takes what is like an image, at this moment."""
        try:
            await self._put_once(witness, os.urandom(_WITNESS_BYTES))
            await obstore.delete_async(self._store, witness)
        except Exception as error:  # noqa: BLE001 - whatever it is, it does not
            log.debug("storage: %s: %s", witness, first_line(error))
            return False
        return True

    def _written(self, key: str, operation: Callable[[], object]) -> None:
        self._waited(key, operation, writing=True)

    def _waited(self, key: str, operation: Callable[[], T], *, writing: bool = False) -> T:
        waits = _waits(self._patience)
        while True:
            try:
                return operation()
            except Exception as error:  # noqa: BLE001 - sorted right below
                time.sleep(_next_wait(sorted_out(error, key, writing=writing), key, waits))


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
        raise unavailable(error) from error
    log.warning("storage: %s: %s; again in %.1f s", key, first_line(error), wait)
    return wait
