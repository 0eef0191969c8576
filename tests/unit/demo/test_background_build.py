from __future__ import annotations

import time
from pathlib import Path

import pytest

from demo import background_build
from stack.errors import BuildFailed


def test_a_build_is_shown_once_it_is_waited_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with background_build.started(
        tmp_path / "log", ["bash", "-c", "echo one; sleep 0.5; echo two"]
    ) as wait:
        assert capsys.readouterr().out == ""
        wait()
    assert capsys.readouterr().out == "one\ntwo\n"


def test_a_build_that_fails_stops_what_waits_for_it(tmp_path: Path) -> None:
    with (
        pytest.raises(BuildFailed),
        background_build.started(tmp_path / "log", ["bash", "-c", "exit 1"]) as wait,
    ):
        wait()


def test_a_build_ends_with_what_it_was_begun_for(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    words = ["bash", "-c", f"echo $$ > {pid}.new; mv {pid}.new {pid}; sleep 600"]
    with background_build.started(tmp_path / "log", words):
        while not pid.exists():
            time.sleep(0.02)
    assert not Path(f"/proc/{int(pid.read_text())}").exists()
