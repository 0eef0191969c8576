"""What is made in the cgroup trees, and what is found left over."""

from __future__ import annotations

from pathlib import Path

from localcluster import cgroups
from localcluster.gobuild import source_key
from localcluster.stop import mounted_below


def version_1(root: Path) -> Path:
    for controller in ("memory", "cpuset"):
        (root / controller).mkdir()
    (root / "cpuset" / "cpuset.cpus").write_text("0-1\n")
    (root / "cpuset" / "cpuset.mems").write_text("0\n")
    (root / "joined").symlink_to("memory")
    return root


def test_version_1_gets_the_cgroup_in_every_controller_once(tmp_path: Path) -> None:
    root = version_1(tmp_path)
    cgroups.create("imagebatch-dev", root)
    assert [top.name for top in cgroups.hierarchies(root)] == ["cpuset", "memory"]
    assert (root / "memory" / "imagebatch-dev").is_dir()


def test_a_new_cpuset_gets_its_parents_processors(tmp_path: Path) -> None:
    root = version_1(tmp_path)
    cgroups.create("imagebatch-dev", root)
    assert (root / "cpuset" / "imagebatch-dev" / "cpuset.cpus").read_text() == "0-1\n"


def test_nested_cgroups_are_removed_with_it(tmp_path: Path) -> None:
    root = tmp_path
    (root / "memory" / "imagebatch-dev" / "kubepods" / "pod1").mkdir(parents=True)
    assert cgroups.remove("imagebatch-dev", root) == []
    assert not (root / "memory" / "imagebatch-dev").exists()


def test_a_cgroup_that_stays_busy_is_reported(tmp_path: Path) -> None:
    busy = tmp_path / "memory" / "imagebatch-dev"
    busy.mkdir(parents=True)
    (busy / "tasks").write_text("1\n")
    assert cgroups.remove("imagebatch-dev", tmp_path, seconds=0) == [busy]


def test_mounts_are_found_below_the_folder_alone_and_deepest_first(tmp_path: Path) -> None:
    table = tmp_path / "mountinfo"
    points = ["/", "/state/dev/a", "/state/dev/a/b", "/state/dev2"]
    table.write_text("".join(f"1 0 0:1 / {point} rw - ext4 d rw\n" for point in points))
    assert mounted_below(Path("/state/dev"), table) == ["/state/dev/a/b", "/state/dev/a"]


def test_the_build_is_keyed_by_its_sources(tmp_path: Path) -> None:
    (tmp_path / "main.go").write_text("package main\n")
    before = source_key(tmp_path, ("-s",))
    assert source_key(tmp_path, ("-s",)) == before
    assert source_key(tmp_path, ("-w",)) != before
    (tmp_path / "main.go").write_text("package main // changed\n")
    assert source_key(tmp_path, ("-s",)) != before
