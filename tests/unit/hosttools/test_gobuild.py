"""A Go program is built once for its sources, here by a compiler that only counts its calls."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hosttools import gobuild
from hosttools.errors import CommandFailed, MissingTool

#: Called as ``go -C SOURCES build … -o OUT .``
GO = """#!/bin/sh
echo "$@" >> "{calls}"
test ! -e "$2/broken" || {{ echo "main.go:1: syntax error" >&2; exit 1; }}
if [ "$3" = list ]; then echo /modules/tool@v1; fi
if [ "$3" != build ]; then exit 0; fi
while [ "$1" != -o ]; do shift; done
echo "built $3" > "$2"
"""


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    go = tmp_path / "bin" / "go"
    go.parent.mkdir()
    go.write_text(GO.format(calls=tmp_path / "calls"))
    go.chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(go.parent), os.environ["PATH"]]))
    monkeypatch.setenv("IMAGEBATCH_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "tool"
    folder.mkdir()
    (folder / "main.go").write_text("package main")
    (folder / "go.mod").write_text("module tool")
    return folder


def calls(sources: Path) -> int:
    path = sources.parent / "calls"
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_a_program_is_built_once(sources: Path) -> None:
    first = gobuild.program(sources)
    assert first.read_text() == "built .\n"
    assert gobuild.program(sources) == first
    assert calls(sources) == 1


def test_a_program_of_a_required_module_is_built_by_its_import_path(sources: Path) -> None:
    built = gobuild.program(sources, package="example.com/tool/cmd/tool")
    assert built.read_text() == "built example.com/tool/cmd/tool\n"
    assert gobuild.required(sources, "example.com/tool") == Path("/modules/tool@v1")
    log = (sources.parent / "calls").read_text()
    assert "mod download example.com/tool" in log


@pytest.mark.parametrize("name", ["main.go", "other.go", "go.mod", "go.sum"])
def test_a_change_of_any_source_is_built_anew(sources: Path, name: str) -> None:
    first = gobuild.program(sources)
    (sources / name).write_text("changed")
    second = gobuild.program(sources)
    assert second != first
    assert second.exists()
    assert calls(sources) == 2


def test_a_failed_build_leaves_nothing_and_says_why(sources: Path) -> None:
    (sources / "broken").touch()
    with pytest.raises(CommandFailed, match="syntax error"):
        gobuild.program(sources)
    assert not gobuild.place(sources).exists()
    (sources / "broken").unlink()
    assert gobuild.program(sources).exists()


def test_a_machine_without_go_is_told_so(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MissingTool, match="Go"):
        gobuild.program(sources)
