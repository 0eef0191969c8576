"""An image's name changes with what it is made from, and with nothing else."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path

import pytest

from imagebuild.inputs import COMPONENTS, content_hash, files_of, reference

ROOT = Path(__file__).resolve().parents[3]
BASE = "base"


def _hash(name: str, tree: Path, base: str = BASE) -> str:
    return content_hash(COMPONENTS[name], tree, base)


def test_a_changed_file_changes_the_images_made_from_it_only(tree: Path) -> None:
    before = {name: _hash(name, tree) for name in COMPONENTS}
    (tree / "gateway" / "src" / "code.py").write_text("print(2)\n")
    after = {name: _hash(name, tree) for name in COMPONENTS}
    assert {name for name in COMPONENTS if before[name] != after[name]} == {"gateway"}


def test_a_change_of_core_changes_all_components(tree: Path) -> None:
    before = {name: _hash(name, tree) for name in COMPONENTS}
    (tree / "core" / "src" / "more.py").write_text("")
    changed = {name for name in COMPONENTS if before[name] != _hash(name, tree)}
    assert changed == {"runner", "gateway", "operator"}


@pytest.mark.parametrize("name", ["a.pyc", "__pycache__/a.py", "x.egg-info/PKG-INFO"])
def test_what_python_leaves_behind_changes_nothing(tree: Path, name: str) -> None:
    before = _hash("runner", tree)
    path = tree / "core" / "src" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("noise")
    assert _hash("runner", tree) == before


def test_name_mode_and_base_count(tree: Path) -> None:
    before = _hash("runner", tree)
    code = tree / "core" / "src" / "code.py"
    code.chmod(0o755)
    executable = _hash("runner", tree)
    code.rename(code.with_name("other.py"))
    renamed = _hash("runner", tree)
    assert len({before, executable, renamed, _hash("runner", tree, "other base")}) == 4


def test_a_missing_input_is_named(tree: Path) -> None:
    (tree / "requirements" / "runner.txt").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"requirements/runner\.txt, an input of the runner"
    ):
        _hash("runner", tree)


def test_the_reference_is_a_tag_of_the_content() -> None:
    assert reference("runner", "0123456789ab") == "imagebatch/runner:dev-0123456789ab"


@pytest.mark.parametrize("name", COMPONENTS)
def test_each_target_copies_exactly_the_inputs_that_are_hashed(name: str) -> None:
    stages = _stages((ROOT / "Dockerfile").read_text())
    copied: set[str] = set()
    waiting = [name]
    while waiting:
        stage = stages[waiting.pop()]
        for sources in re.findall(r"^COPY ((?:[^-\s]\S* )+)", stage, re.M):
            copied |= set(sources.split())
        uses = re.findall(r"^FROM (\S+)", stage, re.M) + re.findall(r"--from=(\S+)", stage)
        waiting += [one for one in uses if one in stages]
    hashed = set(COMPONENTS[name].paths) - {"Dockerfile", ".dockerignore"}
    assert copied == hashed


@pytest.mark.parametrize("name", COMPONENTS)
def test_dockerignore_lets_every_input_through(name: str) -> None:
    patterns = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    for path in files_of(COMPONENTS[name], ROOT):
        relative = path.relative_to(ROOT)
        if relative.name in ("Dockerfile", ".dockerignore"):
            continue
        assert not _ignored(relative, patterns), relative


def _stages(dockerfile: str) -> dict[str, str]:
    parts = re.split(r"^(?=FROM )", dockerfile, flags=re.M)[1:]
    return {re.findall(r" AS (\S+)", part)[0]: part for part in parts}


def _ignored(path: Path, patterns: list[str]) -> bool:
    """The last pattern that matches the path or a folder above it decides."""
    ignored = False
    for pattern in patterns:
        wanted = pattern.removeprefix("!").removeprefix("**/")
        anywhere = "**/" in pattern
        names = [str(one) for one in (path, *path.parents)][:-1]
        if any(
            fnmatch.fnmatch(Path(name).name, wanted)
            if anywhere
            else fnmatch.fnmatch(name, wanted) and name.count("/") == wanted.count("/")
            for name in names
        ):
            ignored = not pattern.startswith("!")
    return ignored
