"""Mount folders and files that the node uses in place of the host's."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from hosttools import processes
from hosttools.command import run, succeeds
from localcluster.instance import Instance

RESOLV_CONF = Path("/etc/resolv.conf")
# Paths built into the programs; each instance has its own folders there.
PRIVATE: Mapping[str, Path] = {
    "kubelet": Path("/var/lib/kubelet"),
    "cni": Path("/var/lib/cni"),
    "var-log": Path("/var/log"),
}
# The kubelet requires these kernel settings. Changing them would affect the whole machine, so
# files with these values are mounted over the settings.
KERNEL_SETTINGS: Mapping[str, str] = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}


def prepare(instance: Instance) -> None:
    """Set up the mounts. The supervisor calls this once, in its new mount namespace."""
    # Private, so that no mount reaches the host; then shared, so that pods see the node's mounts.
    run(["mount", "--make-rprivate", "/"])
    run(["mount", "--make-rshared", "/"])
    run(["mount", "-t", "proc", "-o", "nosuid,nodev,noexec", "proc", "/proc"])
    _private_run()
    for name, path in PRIVATE.items():
        own = instance.state / name
        own.mkdir(exist_ok=True)
        path.mkdir(parents=True, exist_ok=True)
        run(["mount", "--bind", str(own), str(path)])
    _shown_settings(instance.state / "kernel-settings")


def _private_run() -> None:
    """Mount a ``/run`` of its own: containerd's shims always put their sockets there."""
    resolvers = RESOLV_CONF.read_text() if RESOLV_CONF.exists() else ""
    run(["mount", "-t", "tmpfs", "-o", "nosuid,nodev,mode=755", "tmpfs", "/run"])
    Path("/run/lock").mkdir()
    real = Path(os.path.realpath(RESOLV_CONF))
    if real.is_relative_to("/run"):
        real.parent.mkdir(parents=True, exist_ok=True)
        real.write_text(resolvers)


def _shown_settings(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for setting, wanted in KERNEL_SETTINGS.items():
        real = Path("/proc/sys") / setting
        if real.exists() and real.read_text().strip() != wanted:
            shown = folder / setting.replace("/", ".")
            shown.write_text(wanted + "\n")
            run(["mount", "--bind", str(shown), str(real)])


def snapshotter(instance: Instance) -> str:
    """Return ``overlayfs``, or ``native`` if the state folder's file system does not support it."""
    base = instance.state / "overlay-probe"
    names = ("lower", "upper", "work", "merged")
    for name in names:
        (base / name).mkdir(parents=True, exist_ok=True)
    lower, upper, work, merged = (str(base / name) for name in names)
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    # The probe runs in a mount namespace, so that it leaves no mount if it is killed.
    probe = ["unshare", "--mount", "mount", "-t", "overlay", "overlay", "-o", options, merged]
    return "overlayfs" if succeeds(probe) else "native"


def remove_mount_points() -> None:
    """Remove the empty folders that were created as mount points, unless an instance uses them."""
    used = _mounted_anywhere()
    for path in (PRIVATE["kubelet"], PRIVATE["cni"]):
        # Removing a folder ends the mounts on it in other namespaces.
        if str(path) not in used:
            try:
                path.rmdir()
            except OSError:
                continue  # not empty: it belongs to somebody else


def _mounted_anywhere() -> set[str]:
    found: set[str] = set()
    for process in processes.running():
        table = process.folder / "mountinfo"
        try:
            found.update(line.split()[4] for line in table.read_text().splitlines())
        except OSError:
            continue  # the process ended meanwhile
    return found
