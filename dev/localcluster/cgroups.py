"""Create and remove an instance's cgroup: in every controller of cgroup v1, or in the tree of
v2."""

from __future__ import annotations

import time
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
_V2_CONTROLLERS = ("cpuset", "cpu", "io", "memory", "hugetlb", "pids")


def is_v1(root: Path = ROOT) -> bool:
    return not (root / "cgroup.controllers").exists()


def hierarchies(root: Path = ROOT) -> list[Path]:
    """Return the top folders in which the instance's cgroup exists: one for each v1 controller."""
    if not is_v1(root):
        return [root]
    # Controllers that are mounted together also appear as symbolic links.
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.is_symlink())


def create(name: str, root: Path = ROOT) -> None:
    """Create the cgroup in every controller; the kubelet refuses to start if one is missing."""
    if not is_v1(root):
        _delegate(root)
        (root / name).mkdir(exist_ok=True)
        _delegate(root / name)
        return
    for top in hierarchies(root):
        (top / name).mkdir(exist_ok=True)
        if (top / "cpuset.cpus").exists():
            # A new cpuset is empty, and an empty one accepts no process.
            for file in ("cpuset.cpus", "cpuset.mems"):
                (top / name / file).write_text((top / file).read_text())


def _delegate(folder: Path) -> None:
    for controller in _V2_CONTROLLERS:
        try:
            (folder / "cgroup.subtree_control").write_text(f"+{controller}")
        except OSError:
            continue  # not every kernel has every controller


def remove(name: str, root: Path = ROOT, seconds: float = 10.0) -> list[Path]:
    """Remove the cgroup and those below it; return the folders that still exist after ``seconds``.

    A cgroup stays busy for a moment after its last process has ended.
    """
    deadline = time.monotonic() + seconds
    while True:
        left = [top / name for top in hierarchies(root) if not _remove_tree(top / name)]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.1)


def _remove_tree(folder: Path) -> bool:
    if not folder.exists():
        return True
    for child in folder.iterdir():
        if child.is_dir():
            _remove_tree(child)
    try:
        folder.rmdir()
    except OSError:
        return False
    return True
