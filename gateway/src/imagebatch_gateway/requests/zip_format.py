"""Writes a ZIP archive as a stream, without compression (APPNOTE 6.3, with ZIP64 where needed).

Python's ``zipfile`` keeps an object in memory for each file. Here the archive's directory, about 80
bytes per file, goes to a temporary file, so memory use does not depend on the number of files.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from datetime import datetime
from typing import IO, Final

_LOCAL: Final = struct.Struct("<4s5H3I2H")
_CENTRAL: Final = struct.Struct("<4s6H3I5H2I")
_END: Final = struct.Struct("<4s4H2IH")
_END64: Final = struct.Struct("<4sQ2H2I4Q")
_LOCATOR64: Final = struct.Struct("<4sIQI")
_OFFSET64: Final = struct.Struct("<2HQ")
_UTF8: Final = 1 << 11
_FULL: Final = 0xFFFFFFFF
_PIECE: Final = 1024 * 1024


class ZipStream:
    """Makes the bytes of an archive: of each file when it is added, of the directory at the end.

    ``directory`` is an empty temporary file. ``made_at`` is the time stamp of all files.
    """

    def __init__(self, directory: IO[bytes], made_at: datetime) -> None:
        self._directory = directory
        self._offset = 0
        self._count = 0
        self._date = (made_at.year - 1980) << 9 | made_at.month << 5 | made_at.day
        self._time = made_at.hour << 11 | made_at.minute << 5 | made_at.second // 2

    def add(self, name: str, content: bytes) -> bytes:
        """Add a file of less than 4 GiB, and return the bytes to send for it."""
        path, crc, size = name.encode(), zlib.crc32(content), len(content)
        stamp = self._time, self._date, crc, size, size, len(path)
        head = _LOCAL.pack(b"PK\x03\x04", 20, _UTF8, 0, *stamp, 0) + path
        extra = b""
        if self._offset >= _FULL:
            extra = _OFFSET64.pack(1, 8, self._offset)
        where = min(self._offset, _FULL)
        version = 45 if extra else 20
        self._directory.write(
            _CENTRAL.pack(
                b"PK\x01\x02", version, version, _UTF8, 0, *stamp, len(extra), 0, 0, 0, 0, where
            )
            + path
            + extra
        )
        self._count += 1
        self._offset += len(head) + size
        return head + content

    def end(self) -> Iterator[bytes]:
        size = self._directory.tell()
        self._directory.seek(0)
        while piece := self._directory.read(_PIECE):
            yield piece
        at = self._offset
        count = min(self._count, 0xFFFF)
        if self._count >= 0xFFFF or at >= _FULL or size >= _FULL:
            total = self._count
            yield _END64.pack(b"PK\x06\x06", 44, 45, 45, 0, 0, total, total, size, at)
            yield _LOCATOR64.pack(b"PK\x06\x07", 0, at + size, 1)
        end = min(size, _FULL), min(at, _FULL)
        yield _END.pack(b"PK\x05\x06", 0, 0, count, count, *end, 0)
