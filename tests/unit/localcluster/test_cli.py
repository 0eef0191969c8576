"""What `down` looks for, whoever calls it and whatever CLUSTER says by then."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcluster import cli


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for state and cache, its path short enough for the sockets in it."""
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setenv("IMAGEBATCH_STATE", f"{folder}/state")
        monkeypatch.setenv("IMAGEBATCH_CACHE", f"{folder}/cache")
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        yield Path(folder)


@pytest.mark.parametrize("asked", ["", "kind", "local", "current"])
def test_down_needs_no_root_where_nothing_is_up(
    machine: Path, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    monkeypatch.setenv("CLUSTER", asked)
    assert cli.main(["down"]) == 0
    assert list(machine.iterdir()) == []


def test_down_says_that_it_needs_root_for_what_root_made(
    machine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (machine / "state" / "dev").mkdir(parents=True)
    assert cli.main(["down"]) == 1
    assert "instance dev was made by root" in capsys.readouterr().err
