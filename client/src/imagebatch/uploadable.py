"""Turns what callers upload into a file that can be sent again."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from .calls import File

#: More bytes of a stream that cannot be read twice are kept on the disk.
_IN_MEMORY = 8 * 1024 * 1024

Source = Path | str | IO[bytes]


@contextmanager
def uploadable(source: Source, name: str | None) -> Iterator[File]:
    """Open the file at a path, or take a binary stream.

    A stream that cannot be read twice, such as standard input, is copied first, so that the upload
    can be repeated. ``name`` is the file's name for the gateway; not given, it is the path's.
    """
    if isinstance(source, (str, Path)):
        with Path(source).open("rb") as opened:
            yield File(opened, name or Path(source).name)
    elif source.seekable():
        yield File(source, name or "products.csv")
    else:
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as copy:
            shutil.copyfileobj(source, copy)
            yield File(cast("IO[bytes]", copy), name or "products.csv")
