"""The instance's cgroup, in every controller of cgroup v1 or in the one tree of v2."""

from __future__ import annotations

import time
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
_V2_CONTROLLERS = ("cpuset", "cpu", "io", "memory", "hugetlb", "pids")


def is_v1(root: Path = ROOT) -> bool:
    return not (root / "cgroup.controllers").exists()


def hierarchies(root: Path = ROOT) -> list[Path]:
    """Top folders in which the instance's cgroup exists."""
    if not is_v1(root):
        return [root]
    # Joined controllers appear once more as symbolic links.
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.is_symlink())


def create(name: str, root: Path = ROOT) -> None:
    """Make the cgroup in every controller: the kubelet refuses it if one lacks it."""
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
    """Remove the tree; return what is still there after ``seconds``.

    A cgroup stays busy for a moment after its last process died.
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
