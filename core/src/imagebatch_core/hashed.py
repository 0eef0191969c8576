"""Hash a stream while it is read, because reading it a second time would download it again."""

from __future__ import annotations

from hashlib import sha256
from typing import IO


class HashedReader:
    """A read-only stream that hashes every byte that is read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._digest = sha256()

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(size)
        self._digest.update(data)
        return data

    @property
    def sha256(self) -> str:
        """The SHA-256 of the bytes read so far, in hexadecimal."""
        return self._digest.hexdigest()
