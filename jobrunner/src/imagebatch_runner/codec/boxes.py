"""Clear the times in an AVIF sequence, which is an ISO base media file (ISO/IEC 14496-12).

libavif writes the current time into the headers of a sequence, and Pillow cannot set another time.
Without this the same input would give other bytes each second.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO, Final

#: Container boxes on the way to the boxes with times.
_WITHIN: Final = frozenset({b"moov", b"trak", b"mdia"})
_TIMED: Final = frozenset({b"mvhd", b"tkhd", b"mdhd"})


def forget_times(file: BinaryIO) -> None:
    """Set the creation and modification times in ``file`` to 0, which means unknown."""
    descriptor = file.fileno()
    for name, at in _boxes(descriptor, 0, os.fstat(descriptor).st_size):
        if name in _TIMED:
            version = os.pread(descriptor, 1, at)[0]
            # Two times follow version and flags: 8 bytes each in version 1, 4 in version 0.
            os.pwrite(descriptor, bytes(16 if version == 1 else 8), at + 4)


def _boxes(descriptor: int, at: int, end: int) -> Iterator[tuple[bytes, int]]:
    """Yield the name of each box between ``at`` and ``end``, and where its content begins."""
    while at + 8 <= end:
        size, name = struct.unpack(">I4s", os.pread(descriptor, 8, at))
        header = 8
        if size == 1:
            size, header = struct.unpack(">Q", os.pread(descriptor, 8, at + 8))[0], 16
        elif size == 0:  # it reaches to the end of the file
            size = end - at
        if size < header:
            return
        yield name, at + header
        if name in _WITHIN:
            yield from _boxes(descriptor, at + header, min(at + size, end))
        at += size
