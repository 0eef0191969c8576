"""List the processes of this machine, from /proc.

psutil is not used, because `make down` must also work after the .venv was removed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Process:
    """A running process. ``words`` is its command line, which is empty for kernel threads."""

    pid: int
    parent: int
    words: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """The process's folder in /proc."""
        return _PROC / str(self.pid)


def running() -> Iterator[Process]:
    """Yield every running process that this user may read, without zombies."""
    for folder in _PROC.glob("[0-9]*"):
        try:
            # The name in brackets may contain any character, including brackets.
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            line = (folder / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue  # it has ended, or this user may not read it
        if state != "Z":
            yield Process(int(folder.name), int(parent), tuple(line.split("\0")[:-1]))


def peak_memory(pid: int) -> int:
    """Return the peak memory of a process in bytes; 0 if it has ended.

    It is ``VmHWM`` of proc(5). ``ru_maxrss`` would begin with the peak of the parent process.
    """
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", (_PROC / str(pid) / "status").read_text())
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0
