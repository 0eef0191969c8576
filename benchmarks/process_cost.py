"""The CPU time and the peak memory of a running process and its children, from /proc."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from hosttools.processes import peak_memory, running

_PROC: Final = Path("/proc")


def tree(pid: int) -> list[int]:
    """Return a process and all below it."""
    children: dict[int, list[int]] = {}
    for process in running():
        children.setdefault(process.parent, []).append(process.pid)
    found = [pid]
    for one in found:
        found += children.get(one, ())
    return found


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and those below it, to the nanosecond.

    Threads that have ended since do not count; so compare two times only if none ended in between.
    """
    spent = 0
    for one in tree(pid):
        for task in (_PROC / str(one) / "task").iterdir():
            spent += int((task / "schedstat").read_text().split()[0])
    return spent / 1e9


def ticks(pid: int) -> float:
    """Return the CPU seconds of a process and those below it, with its ended threads, to 10 ms."""
    spent = 0
    for one in tree(pid):
        fields = (_PROC / str(one) / "stat").read_text().rpartition(")")[2].split()
        spent += int(fields[11]) + int(fields[12])
    return spent / 100


def peak(pid: int) -> int:
    """Return the sum of the peaks in bytes of a process and those below it."""
    return sum(peak_memory(one) for one in tree(pid))


def forget_peak(pid: int) -> None:
    """Let the peaks begin again from what the processes hold now."""
    for one in tree(pid):
        (_PROC / str(one) / "clear_refs").write_text("5")
