"""Write unbuffered files completely, and read memory as a file without a copy."""

from __future__ import annotations

import io
from typing import IO, BinaryIO

#: The bytes of an input: a bytes object, or a view of shared memory.
Bytes = bytes | memoryview


def write_all(out: BinaryIO, data: Bytes) -> None:
    """Write ``data`` completely at the current position.

    Raises:
        OSError: not all of it can be written.
    """
    rest = memoryview(data)
    while rest:
        written = out.write(rest)
        if not written:
            raise OSError("the output takes no more bytes")
        rest = rest[written:]


def reading(data: Bytes) -> IO[bytes]:
    """Return a file that reads ``data`` without copying it."""
    return io.BytesIO(data) if isinstance(data, bytes) else io.BufferedReader(_View(data))


class _View(io.RawIOBase):
    def __init__(self, view: memoryview) -> None:
        self._view = view
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # io passes a memoryview
        piece = self._view[self._at : self._at + len(buffer)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: len(self._view)}[whence]
        if start + offset < 0:
            raise ValueError(f"a position of {start + offset}")
        self._at = start + offset
        return self._at
