"""Provide a folder for temporary files, which is removed at the end of its block."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from imagebatch_core.errors import ConfigurationRefused
from imagebatch_runner.failures import ScratchFull


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Create a folder in ``TMPDIR`` or ``/tmp`` for the block.

    Raises:
        ConfigurationRefused: the folder cannot be created.
        ScratchFull: the volume had no space left for what the block wrote.
    """
    try:
        made = TemporaryDirectory(prefix="imagebatch-")
    except OSError as error:
        raise ConfigurationRefused(
            f"there is no folder for temporary files ({error.strerror or error}): mount a volume "
            "at /tmp, or set TMPDIR"
        ) from error
    with made as folder:
        try:
            yield Path(folder)
        except (OSError, sqlite3.OperationalError) as error:
            if not _is_full(error):
                raise
            raise ScratchFull(f"no space is left for temporary files in {folder}") from error


def _is_full(error: OSError | sqlite3.OperationalError) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return error.sqlite_errorcode == sqlite3.SQLITE_FULL
