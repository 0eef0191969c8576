"""A CSV that came gzip-compressed, as ``products.csv.gz`` or by its host: read as what it holds."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, cast

from imagebatch_core.errors import InputRefused

_GZIP: Final = b"\x1f\x8b"
#: A packed file may have been packed once more on its way; deeper it is no mishap.
_LAYERS: Final = 2


def is_packed(path: Path) -> bool:
    """Whether the file is gzip, whatever its name says."""
    with path.open("rb") as file:
        return file.read(len(_GZIP)) == _GZIP


@contextmanager
def unpacked(path: Path) -> Iterator[BinaryIO]:
    """The file's text as a stream, unpacked where it is gzip; it may be far longer than the file.

    Raises:
        InputRefused: within the block, where what is read of it cannot be unpacked.
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
