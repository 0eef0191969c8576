"""A lock between processes; the kernel releases it when its holder dies."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hosttools.progress import Say, say


@contextmanager
def held(path: Path, waiting_for: str, out: Say = say) -> Iterator[None]:
    """Hold the lock file ``path`` during the block.

    While another process holds it, wait, and print ``waiting for`` and the text ``waiting_for``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            out(f"waiting for {waiting_for}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
