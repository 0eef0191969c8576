"""The memory of a process and its children, as the kernel counts it."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from hosttools import processes


def peak_memory(process: subprocess.Popen[str], every: float = 0.1) -> int:
    """Bytes: the sum of the peaks (``VmHWM``, proc(5)) of the process and of each of its children,
    looked at until it ends. No less than the whole ever took, for peaks need not coincide and
    pages that are shared count in each."""
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
