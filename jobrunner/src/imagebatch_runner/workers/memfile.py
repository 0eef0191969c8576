"""Anonymous files in memory that a parent and its worker share: no pipe, no disk, no copy."""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence


def create(name: str) -> int:
    """A descriptor of an empty file; on systems without memfd, of an unlinked temporary one."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create(name)
    import tempfile  # noqa: PLC0415 - slow to load, and mostly not needed

    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


#: Bytes that stay allocated for the next content: most images fit, and clearing new pages takes
#: longer than copying into old ones.
_KEPT = 4 << 20


def write(descriptor: int, pieces: Sequence[bytes]) -> None:
    """Replace the content; what an earlier, longer one left behind follows it."""
    at = 0
    for piece in pieces:
        view = memoryview(piece)
        while view:
            written = os.pwrite(descriptor, view, at)
            at, view = at + written, view[written:]


def read(descriptor: int, size: int) -> bytes:
    """The first ``size`` bytes."""
    pieces: list[bytes] = []
    at = 0
    while at < size and (piece := os.pread(descriptor, size - at, at)):
        pieces.append(piece)
        at += len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def empty(descriptor: int) -> None:
    """Give the memory back, but what the next content will likely need."""
    if _size(descriptor) > _KEPT:
        os.ftruncate(descriptor, _KEPT)


class Window:
    """The memory itself of a file, for who reads many contents of it: no copy, and after the first
    no pages that the kernel must find."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._memory: mmap.mmap | None = None

    def view(self, size: int) -> memoryview:
        """The first ``size`` bytes, which the file must have; valid until it is shortened."""
        if not size:
            return memoryview(b"")
        if self._memory is None or not size <= len(self._memory) <= max(size, _KEPT):
            self._memory = None  # the address space is given back with the last view
            room = max(size, min(_KEPT, _size(self._descriptor)))
            self._memory = mmap.mmap(self._descriptor, room)
        return memoryview(self._memory)[:size]


def _size(descriptor: int) -> int:
    return os.fstat(descriptor).st_size
