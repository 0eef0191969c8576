"""The number of CPUs that this process may use: its affinity, bounded by its cgroup's quota."""

from __future__ import annotations

import math
import os
from pathlib import Path

_CPU_MAX = Path("/sys/fs/cgroup/cpu.max")


def available_cpus(cpu_max: Path = _CPU_MAX) -> int:
    """Return how many CPUs this process may use, at least 1.

    A quota of 1.5 CPUs counts as 2, because decoders also wait for bytes from the network.
    ``cpu_max`` is the cgroup v2 file with the quota.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cpus = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        quota, period = cpu_max.read_text().split()
        if quota != "max":
            cpus = min(cpus, math.ceil(int(quota) / int(period)))
    except (OSError, ValueError):
        pass  # no cgroup v2 here
    return max(1, cpus)
