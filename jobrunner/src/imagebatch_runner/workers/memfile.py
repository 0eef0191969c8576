"""Anonymous files in memory that a parent and its worker share: no pipe, no disk, no copy."""

from __future__ import annotations

import os


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


def write(descriptor: int, data: bytes) -> None:
    """Replace the content; what an earlier, longer one left behind follows it."""
    view, at = memoryview(data), 0
    while at < len(view):
        at += os.pwrite(descriptor, view[at:], at)


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
    if os.fstat(descriptor).st_size > _KEPT:
        os.ftruncate(descriptor, _KEPT)
