"""Where a download is written: a file on the disk, or a stream."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

import httpx

from .errors import TransferBroken


class Sink(Protocol):
    """Takes a download; ``received`` and ``etag`` say where another attempt continues."""

    received: int
    etag: str | None

    def begin(self, response: httpx.Response) -> None: ...

    def write(self, piece: bytes) -> None: ...


class StreamSink:
    """Writes to a stream that may not be seekable, such as standard output."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.received = 0
        self.etag: str | None = None

    def begin(self, response: httpx.Response) -> None:
        """Prepare for the body of ``response``.

        Raises TransferBroken if it begins anew although something is written already.
        """
        if response.status_code == 206:
            return
        if self.received:
            raise TransferBroken("the download broke off and cannot be continued")
        self.etag = strong_etag(response)

    def write(self, piece: bytes) -> None:
        self._stream.write(piece)
        self.received += len(piece)


class FileSink:
    """Writes to a file of its own, and counts the hash of what it has written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.received = 0
        self.etag: str | None = None

    @property
    def sha256(self) -> str:
        """Return the hash of what was written."""
        return self._digest.hexdigest()

    def begin(self, response: httpx.Response) -> None:
        """Prepare for the body of ``response``: forget what was written if it begins anew."""
        if response.status_code == 206:
            return
        self._file.seek(0)
        self._file.truncate()
        self._digest = hashlib.sha256()
        self.received = 0
        self.etag = strong_etag(response)

    def write(self, piece: bytes) -> None:
        self._file.write(piece)
        self._digest.update(piece)
        self.received += len(piece)


@contextmanager
def complete_file(target: Path, *, sha256: str | None = None) -> Iterator[FileSink]:
    """Write beside ``target`` and rename at the end, so that ``target`` is always complete.

    Raises TransferBroken, and leaves nothing, if the content has not the hash ``sha256``.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            sink = FileSink(file)
            yield sink
        if sha256 not in {None, sink.sha256}:
            raise TransferBroken(f"what arrived for {target.name} is not the stored output")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def strong_etag(response: httpx.Response) -> str | None:
    """Return the response's ETag if a range may be asked for with it."""
    etag = response.headers.get("ETag")
    ranges = response.headers.get("Accept-Ranges", "").lower() == "bytes"
    return etag if etag and ranges and not etag.startswith("W/") else None
