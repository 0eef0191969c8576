"""Objects as streams, their errors in the runner's terms."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

import obstore
from obstore.exceptions import BaseError

from .errors import refused, unavailable

T = TypeVar("T")


class Waited(Protocol):
    """Does it again and again while its errors may pass; see :class:`.storage.Storage`."""

    def __call__(self, operation: Callable[[], T], /) -> T: ...


class Reading(io.RawIOBase):
    """obstore's reader as the raw stream that :class:`io.BufferedReader` wants.

    A failed read begins anew where it was: obstore repeats requests as well, but not after every
    kind of broken connection.
    """

    def __init__(self, opened: Callable[[], obstore.ReadableFile], waited: Waited) -> None:
        """Opens it at once.

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
        except OSError as error:  # streams give the store's errors as such
            self._reader = None
            raise BaseError(str(error)) from error


class Writing:
    """obstore's writer, its errors in our words.

    The store behind it repeats a request for as long as an outage is waited for; what fails
    nevertheless fails for good, and the step begins anew.
    """

    def __init__(self, writer: obstore.WritableFile, key: str) -> None:
        self._writer = writer
        self._key = key

    def write(self, buffer: bytes, /) -> int:
        with _named(self._key):
            return self._writer.write(buffer)

    def close(self) -> None:
        with _named(self._key):
            self._writer.close()


@contextlib.contextmanager
def _named(key: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except (BaseError, OSError) as error:  # streams give the store's errors as OSError
        refusal = refused(error, key)
        if refusal is not None:
            raise refusal from error
        raise unavailable(error) from error
