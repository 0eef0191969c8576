"""The memory of a process and its children, as the kernel counts it."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from hosttools import processes


def peak_memory(process: subprocess.Popen[str], every: float = 0.1) -> int:
    """Return the sum of the peaks in bytes (``VmHWM``, proc(5)) of a process and its children.

    It polls until the process ends. The sum is an upper bound of their common peak, because the
    peaks need not coincide and shared pages count in each process.
    """
    peaks: dict[int, int] = {}
    while process.poll() is None:
        for pid in [process.pid, *_children(process.pid)]:
            peaks[pid] = max(peaks.get(pid, 0), processes.peak_memory(pid))
        time.sleep(every)
    return sum(peaks.values())


def _children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(word) for word in text.split()]
