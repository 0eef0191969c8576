"""Anonymous files in memory, with which a parent and its worker exchange images without copies."""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence


def create(name: str) -> int:
    """Create an empty file in memory and return its descriptor.

    Without memfd it is a temporary file on disk.
    """
    if hasattr(os, "memfd_create"):
        return os.memfd_create(name)
    import tempfile  # noqa: PLC0415 - slow to load, and mostly not needed

    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


#: Bytes that stay allocated for the next content. Most images fit, and clearing new pages takes the
#: kernel longer than copying into old ones.
_KEPT = 4 << 20


def write(descriptor: int, pieces: Sequence[bytes]) -> None:
    """Write ``pieces`` from the start of the file, without truncating longer earlier content."""
    at = 0
    for piece in pieces:
        view = memoryview(piece)
        while view:
            written = os.pwrite(descriptor, view, at)
            at, view = at + written, view[written:]


def read(descriptor: int, size: int) -> bytes:
    """Return the first ``size`` bytes."""
    pieces: list[bytes] = []
    at = 0
    while at < size and (piece := os.pread(descriptor, size - at, at)):
        pieces.append(piece)
        at += len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def empty(descriptor: int) -> None:
    """Return the memory to the kernel, except what the next content will likely need."""
    if length(descriptor) > _KEPT:
        os.ftruncate(descriptor, _KEPT)


class Window:
    """A file's memory, mapped once to read many contents one after another.

    Nothing is copied, and only the first content costs page faults.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._memory: mmap.mmap | None = None

    def view(self, size: int) -> memoryview:
        """Return a view of the first ``size`` bytes, valid until the file is truncated.

        The file must have at least ``size`` bytes.
        """
        if not size:
            return memoryview(b"")
        if self._memory is None or not size <= len(self._memory) <= max(size, _KEPT):
            self._memory = None  # it is unmapped once no view refers to it
            room = max(size, min(_KEPT, length(self._descriptor)))
            self._memory = mmap.mmap(self._descriptor, room)
        return memoryview(self._memory)[:size]


def length(descriptor: int) -> int:
    """Return how many bytes the file has."""
    return os.fstat(descriptor).st_size
