"""Objects as streams, their errors in the runner's terms.

The store behind them repeats every request for as long as an outage is waited for; what fails
nevertheless fails for good.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator

import obstore
from obstore.exceptions import BaseError

from .errors import refused, unavailable


class Reading(io.RawIOBase):
    """obstore's reader as the raw stream that :class:`io.BufferedReader` wants."""

    def __init__(self, reader: obstore.ReadableFile, key: str) -> None:
        self._reader = reader
        self._key = key

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed: Buffer
        with _named(self._key):
            data = self._reader.read(len(buffer))
        size = len(data)
        buffer[:size] = memoryview(data)
        return size


class Writing:
    """obstore's writer, its errors in our words."""

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
