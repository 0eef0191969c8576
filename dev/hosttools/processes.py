"""The processes of this machine, read from /proc.

By hand, not with psutil: `make down` must find what it stops also where the .venv is gone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Process:
    """``words`` is its command line; empty for threads of the kernel."""

    pid: int
    parent: int
    words: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """Its folder in /proc."""
        return _PROC / str(self.pid)


def running() -> Iterator[Process]:
    """Every process that runs and may be read. Zombies do not run."""
    for folder in _PROC.glob("[0-9]*"):
        try:
            # The name in brackets may hold anything, brackets as well.
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            line = (folder / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue  # it ended meanwhile, or is not ours to see
        if state != "Z":
            yield Process(int(folder.name), int(parent), tuple(line.split("\0")[:-1]))


def peak_memory(pid: int) -> int:
    """The most bytes that a process held at a time; 0 when it has ended.

    ``VmHWM``, proc(5), not ``ru_maxrss``: that begins with the peak of the process that started it.
    """
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", (_PROC / str(pid) / "status").read_text())
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0
