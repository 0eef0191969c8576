"""Tests that leave a process running fail, and the process is ended."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hosttools import processes

FORGETS = """
import subprocess

def test_that_forgets_a_process_whose_parent_is_gone():
    subprocess.run(["sh", "-c", "{command} & "], check=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("command", "code"), [("setsid sleep 71940", 1), ("sleep 0.1", 0)])
def test_a_process_that_a_test_forgot_fails_the_run_and_is_ended(
    tmp_path: Path, command: str, code: int
) -> None:
    (tmp_path / "test_forgets.py").write_text(FORGETS.format(command=command))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "support.leftovers", "-p", "no:cacheprovider",
         "test_forgets.py"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == code, done.stdout
    assert ("processes outlive" in done.stdout) == bool(code)
    # The other case runs at the same time in another worker: look for this one's command alone.
    words = tuple(command.split()[-2:])
    assert not [p for p in processes.running() if p.words == words]
