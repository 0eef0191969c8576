"""Writing to a file without a buffer, which may take less than it is given."""

from __future__ import annotations

from typing import BinaryIO


def write_all(out: BinaryIO, data: bytes | memoryview) -> None:
    """From the position on. OSError where nothing more can be written."""
    rest = memoryview(data)
    while rest:
        written = out.write(rest)
        if not written:
            raise OSError("the output takes no more bytes")
        rest = rest[written:]
