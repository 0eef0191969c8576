"""Run a process and its children in a memory cgroup, whose limit they see as in a pod.

This needs root and a memory controller, version 1 or 2.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_ROOT: Final = Path("/sys/fs/cgroup")
_V1: Final = _ROOT / "memory"


@dataclass(frozen=True, slots=True)
class Limited:
    """A memory cgroup. ``folder`` is its folder, ``mounted`` the place where a pod finds its
    own."""

    folder: Path
    mounted: Path

    @property
    def wrapper(self) -> tuple[str, ...]:
        """Return a command prefix that runs the command after it within the limit."""
        script = 'echo $$ > "$0/cgroup.procs" && mount --bind "$0" "$1" && shift && exec "$@"'
        inside = ("sh", "-c", script, str(self.folder), str(self.mounted))
        return ("unshare", "--mount", *inside)

    @property
    def peak(self) -> int:
        """Return the peak memory in bytes, including the page cache. It never exceeds the limit."""
        return self._number("memory.max_usage_in_bytes", "memory.peak")

    @property
    def kills(self) -> int:
        """Return the number of processes that the kernel killed because memory ran out."""
        name = "memory.oom_control" if self.mounted == _V1 else "memory.events"
        lines = (self.folder / name).read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))

    def _number(self, v1: str, v2: str) -> int:
        return int((self.folder / (v1 if self.mounted == _V1 else v2)).read_text())


@contextmanager
def limited(limit: int) -> Iterator[Limited]:
    """Create a memory cgroup with a limit in bytes, and remove it at the end of the block."""
    v1 = _V1.is_dir()
    mounted = _V1 if v1 else _ROOT
    folder = mounted / f"imagebatch-bench-{os.getpid()}"
    if not v1:
        (_ROOT / "cgroup.subtree_control").write_text("+memory")
    folder.mkdir()
    try:
        (folder / ("memory.limit_in_bytes" if v1 else "memory.max")).write_text(str(limit))
        yield Limited(folder, mounted)
    finally:
        _remove(folder)


def _remove(folder: Path) -> None:
    """Remove a cgroup, which stays busy for a moment after its last process has ended."""
    for _ in range(50):
        try:
            folder.rmdir()
        except OSError:
            time.sleep(0.1)
        else:
            return
