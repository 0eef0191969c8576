"""A file for the batch's CSV, which may not grow over the size limit."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Self

from imagebatch_core.errors import InputRefused
from imagebatch_runner.memory import MIB
from imagebatch_runner.settings import Settings

_CHUNK = 1 << 20


class LimitedFile:
    """A file to write; writing more than the size limit of a CSV raises InputRefused."""

    def __init__(self, path: Path, settings: Settings) -> None:
        self._file = path.open("wb")
        self._settings = settings
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, chunk: bytes) -> None:
        self._size += len(chunk)
        check_size(self._size, self._settings)
        self._file.write(chunk)

    def copy(self, stream: IO[bytes]) -> None:
        while chunk := stream.read(_CHUNK):
            self.write(chunk)


def check_size(size: int, settings: Settings) -> None:
    """Raise InputRefused if ``size`` in bytes is over the limit of a CSV."""
    if size > settings.source_max_bytes:
        raise InputRefused(f"larger than {settings.source_max_bytes / MIB:g} MiB")
