"""Upload files while they are written, so that little is left to upload at their end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from .storage import PART_BYTES, Storage

log: Final = logging.getLogger(__name__)


class _GivenUp(Exception):
    """The file is not needed any more: the upload must be aborted."""


class GrowingFile:
    """A file on disk that is written from its beginning to its end, and the upload of it.

    With ``ahead``, the upload begins once the file is large enough for a part of its own, otherwise
    once it is closed. No object is seen before :meth:`finish`.
    """

    def __init__(self, storage: Storage, key: str, path: Path, *, ahead: bool) -> None:
        """Append to the file if it exists."""
        self._storage = storage
        self._key = key
        self._path = path
        self._file = path.open("ab")
        self._written = path.stat().st_size
        self._sent = 0
        self._ahead = ahead
        self._closed = self._given_up = self._stored = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def write(self, data: bytes, /) -> int:
        self._file.write(data)
        self._file.flush()
        with self._changed:
            self._written += len(data)
            if self._written - self._sent >= PART_BYTES:
                self._changed.notify()
        if self._ahead and self._thread is None and self._written >= PART_BYTES:
            self._thread = threading.Thread(target=self._upload, name="upload", daemon=True)
            self._thread.start()
        return len(data)

    def close(self) -> None:
        self._file.close()
        with self._changed:
            self._closed = True
            self._changed.notify()

    def finish(self) -> None:
        """Wait until the closed file is stored. If its upload broke, upload it again.

        Raises:
            StorageUnavailable, StorageRefused: the store does not take it.
        """
        if self._thread is not None:
            self._thread.join()
        if not self._stored:
            self._storage.put_file(self._key, self._path)

    def give_up(self) -> None:
        """Abort the upload, and leave no object."""
        with self._changed:
            self._given_up = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
        self._file.close()

    def _upload(self) -> None:
        try:
            self._storage.put_pieces(self._key, self._pieces())
        except _GivenUp:
            return
        except Exception as error:  # noqa: BLE001 - it is raised again if it does not pass
            log.warning("the upload of %s broke and is repeated: %s", self._key, error)
        else:
            self._stored = True

    def _pieces(self) -> Iterator[bytes]:
        """Yield the file's bytes as they are written, in pieces of one part of the upload."""
        with self._path.open("rb") as file:
            while True:
                with self._changed:
                    self._changed.wait_for(self._has_piece)
                    if self._given_up:
                        raise _GivenUp
                    piece = min(PART_BYTES, self._written - self._sent)
                    self._sent += piece
                if not piece:
                    return
                yield file.read(piece)

    def _has_piece(self) -> bool:
        return self._closed or self._given_up or self._written - self._sent >= PART_BYTES


class GrowingFiles:
    """Files that are uploaded together."""

    def __init__(self, storage: Storage, *, ahead: bool) -> None:
        self._storage = storage
        self._ahead = ahead
        self._files: list[GrowingFile] = []

    def open(self, key: str, path: Path) -> GrowingFile:
        """Return a file to write; ``path`` may have its beginning already."""
        made = GrowingFile(self._storage, key, path, ahead=self._ahead)
        self._files.append(made)
        return made

    def finish(self) -> None:
        """Wait until all files, which are closed, are stored; see :meth:`GrowingFile.finish`."""
        for file in self._files:
            file.finish()

    def give_up(self) -> None:
        """Abort all uploads that have not ended."""
        for file in self._files:
            file.give_up()


@contextmanager
def growing_files(storage: Storage, *, ahead: bool) -> Iterator[GrowingFiles]:
    """Open :class:`GrowingFiles` for the block. What is not finished at its end is given up."""
    files = GrowingFiles(storage, ahead=ahead)
    try:
        yield files
    finally:
        files.give_up()
