"""Remove an instance, even if it crashed or did not start completely."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

from hosttools.command import succeeds
from hosttools.errors import HostError
from localcluster import cgroups, mounts, network
from localcluster.instance import Instance
from localcluster.state import supervisors, wait_for

_END_SECONDS = 30.0


def remove(instance: Instance) -> bool:
    """Remove everything of an instance; return False if there was nothing.

    The caller must hold the instance's lock. Raises HostError if something cannot be removed.
    """
    pids = supervisors(instance)
    existed = bool(pids) or instance.state.exists()
    for pid in pids:
        _kill(pid)
    if not wait_for(lambda: not supervisors(instance), _END_SECONDS):
        raise HostError(f"processes of {instance.name} do not end: {supervisors(instance)}")
    network.disconnect(instance.host_link)
    left = cgroups.remove(instance.cgroup)
    if left:
        raise HostError(f"cgroups are still in use: {', '.join(map(str, left))}")
    for mount in mounted_below(instance.state):
        succeeds(["umount", "--lazy", mount])
    _remove_kubeconfig(instance)
    shutil.rmtree(instance.state, ignore_errors=True)
    mounts.remove_mount_points()
    return existed


def _kill(pid: int) -> None:
    try:
        # The kernel first ends every other process of the pid namespace.
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def mounted_below(folder: Path, table: Path = Path("/proc/self/mountinfo")) -> list[str]:
    """Return the host's mount points below ``folder``, the deepest first."""
    points = [line.split()[4] for line in table.read_text().splitlines()]
    inside = [point for point in points if Path(point).is_relative_to(folder)]
    return sorted(inside, key=len, reverse=True)


def _remove_kubeconfig(instance: Instance) -> None:
    """Remove the kubeconfig that ``up`` wrote, unless its content has changed."""
    note = instance.state / "kubeconfigs"
    if not note.exists() or not instance.admin_kubeconfig.exists():
        return
    ours = instance.admin_kubeconfig.read_bytes()
    for line in note.read_text().splitlines():
        copy = Path(line)
        if copy.is_file() and copy.read_bytes() == ours:
            copy.unlink()
