"""Read objects as streams that continue after a broken connection."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Protocol, TypeVar

import obstore
from obstore.exceptions import BaseError

T = TypeVar("T")


class Waited(Protocol):
    """A function that retries an operation while its errors may pass; see
    :class:`.storage.Storage`."""

    def __call__(self, operation: Callable[[], T], /) -> T: ...


class Reading(io.RawIOBase):
    """obstore's reader as the raw stream that :class:`io.BufferedReader` needs.

    A failed read is retried from its position. obstore retries requests too, but not after every
    kind of broken connection.
    """

    def __init__(self, opened: Callable[[], obstore.ReadableFile], waited: Waited) -> None:
        """Open the object at once.

        Raises:
            FileNotFoundError: there is no such object.
        """
        self._opened = opened
        self._waited = waited
        self._reader: obstore.ReadableFile | None = waited(opened)
        self._at = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed: Buffer
        data = self._waited(lambda: self._read(len(buffer)))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _read(self, size: int) -> memoryview:
        try:
            if self._reader is None:
                reader = self._opened()
                reader.seek(self._at)
                self._reader = reader
            return memoryview(self._reader.read(size))
        except FileNotFoundError:
            raise
        except OSError as error:  # obstore's streams raise the store's errors as OSError
            self._reader = None
            raise BaseError(str(error)) from error
