"""Hashing a stream while it is read: a second reading would be a second download."""

from __future__ import annotations

from hashlib import sha256
from typing import IO


class HashedReader:
    """A stream of which every byte that is read is hashed; it can only be read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._digest = sha256()

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(size)
        self._digest.update(data)
        return data

    @property
    def sha256(self) -> str:
        """Hexadecimal SHA-256 of what was read so far."""
        return self._digest.hexdigest()
