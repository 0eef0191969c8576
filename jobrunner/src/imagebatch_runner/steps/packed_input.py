"""Detect and unpack a packed source: gzip (a ``.csv.gz`` file, or packed by its host) or ZIP (a
workbook)."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, cast

from imagebatch_core.catalogue.advice import ZIP_MAGIC
from imagebatch_core.errors import InputRefused

_GZIP: Final = b"\x1f\x8b"
#: A .gz file may have been compressed once more in transit. More layers cannot be an accident.
_LAYERS: Final = 2


def is_gzip(path: Path) -> bool:
    """Return whether the file's first bytes are those of gzip, whatever its name is."""
    return _head(path).startswith(_GZIP)


def is_zip(path: Path) -> bool:
    """Return whether the file's first bytes are those of ZIP, whatever its name is."""
    return _head(path).startswith(ZIP_MAGIC)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4)


@contextmanager
def open_unpacked(path: Path) -> Iterator[BinaryIO]:
    """Open the file as a stream that unpacks gzip. The unpacked size is not limited.

    Raises:
        InputRefused: within the block, when the gzip data cannot be unpacked.
    """
    with path.open("rb") as file:
        stream: io.BufferedReader | gzip.GzipFile = file
        try:
            for _ in range(_LAYERS):
                if stream.peek(len(_GZIP))[: len(_GZIP)] == _GZIP:
                    stream = gzip.GzipFile(fileobj=stream, mode="rb")
            yield cast("BinaryIO", stream)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputRefused(f"the file is gzip, and cannot be unpacked: {error}") from error
