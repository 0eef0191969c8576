"""What the targets of the Makefile run."""

from __future__ import annotations

import subprocess

import pytest

from stack.places import ROOT


@pytest.mark.parametrize(
    "target", ["unit", "slow", "integration", "long", "e2e", "fuzz", "bench", "screenshots"]
)
def test_what_a_target_runs_for_long_ends_with_make(target: str) -> None:
    words = ["make", "--dry-run", "--assume-old=.venv/.installed", target]
    lines = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    [line] = [one for one in lines.splitlines() if "-m pytest" in one or "-m fuzz" in one
              or "-m benchmarks" in one]  # fmt: skip
    assert "-m stack.process_tree --stop SIGINT" in line
