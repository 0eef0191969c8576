"""A stream of an object goes on after a connection that broke in a way that obstore gives up at."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TypeVar

import pytest
from obstore.exceptions import BaseError

from imagebatch_runner.store.streams import Reading

T = TypeVar("T")
DATA = bytes(range(256)) * 8


class Broken(io.BytesIO):
    """Fails at the second read, as obstore's readers do: with an OSError."""

    def __init__(self, error: OSError) -> None:
        super().__init__(DATA)
        self._error = error
        self._reads = 0

    def read(self, size: int | None = -1) -> bytes:
        self._reads += 1
        if self._reads == 2:
            raise self._error
        return super().read(size)


class Store:
    """Its first reader breaks; ``waits`` counts what was waited for."""

    def __init__(self, error: OSError) -> None:
        self.waits = 0
        self._readers = iter([Broken(error), io.BytesIO(DATA)])

    def opened(self) -> io.BytesIO:
        return next(self._readers)

    def waited(self, operation: Callable[[], T]) -> T:
        while True:
            try:
                return operation()
            except BaseError:
                self.waits += 1


def read_all(store: Store) -> bytes:
    raw = Reading(store.opened, store.waited)  # type: ignore[arg-type] # they read and seek
    with io.BufferedReader(raw, buffer_size=500) as stream:
        return stream.read()


def test_a_failed_read_is_repeated_from_where_it_was() -> None:
    store = Store(OSError("HTTP error: error sending request"))
    assert read_all(store) == DATA
    assert store.waits == 1


def test_an_object_that_was_deleted_meanwhile_is_reported_as_missing() -> None:
    with pytest.raises(FileNotFoundError):
        read_all(Store(FileNotFoundError("no such key")))
