"""Packages are installed by the machine's apt, here one that only notes what it is asked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hosttools import apt
from hosttools.errors import CommandFailed, MissingTool

#: Knows no package before its lists are fetched, and never ``nowhere``.
APT = """#!/bin/sh
echo "$DEBIAN_FRONTEND $*" >> "{folder}/asked"
case "$*" in
  *update*) touch "{folder}/lists"; echo "one source is out of reach" >&2; exit 100;;
  *nowhere*) echo "E: Unable to locate package nowhere" >&2; exit 100;;
esac
test -e "{folder}/lists" || exit 100
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "apt-get"
    program.write_text(APT.format(folder=tmp_path))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path), os.environ["PATH"]]))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return tmp_path


def asked(folder: Path) -> list[str]:
    return [
        next(word for word in line.split() if word in ("install", "update"))
        for line in (folder / "asked").read_text().splitlines()
    ]


def test_package_lists_are_fetched_only_when_they_are_needed(folder: Path) -> None:
    said: list[str] = []
    apt.install(["runc"], said.append)
    assert asked(folder) == ["install", "update", "install"]
    assert said == ["installing Debian packages: runc", "fetching package lists"]
    apt.install(["runc"], said.append)
    assert asked(folder) == ["install", "update", "install", "install"]
    assert "noninteractive" in (folder / "asked").read_text()


def test_a_package_that_is_nowhere_is_told_in_apts_words(folder: Path) -> None:
    with pytest.raises(CommandFailed, match="Unable to locate package nowhere"):
        apt.install(["nowhere"], lambda _: None)
    assert asked(folder) == ["install", "update", "install"]


def test_who_may_not_install_is_told_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(MissingTool, match="run as root, or install first: runc"):
        apt.install(["runc"], lambda _: None)
    monkeypatch.setenv("PATH", str(folder / "none"))
    with pytest.raises(MissingTool, match="no apt-get; install first: runc"):
        apt.install(["runc"], lambda _: None)
