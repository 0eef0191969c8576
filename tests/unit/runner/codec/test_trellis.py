"""The trellis of `profile: small` skips ways that cannot be the best, and never the best one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
BLOCKS = 200_000


@pytest.mark.slow
def test_trellis_finds_the_same_choice_as_a_search_of_all_ways(tmp_path: Path) -> None:
    gcc = shutil.which("gcc")
    if gcc is None:
        pytest.skip("needs gcc")
    sources = [ROOT / "tests/native/trellis.c", ROOT / "jobrunner/native/trellis.c"]
    program = tmp_path / "trellis"
    flags = ["-O2", "-std=c11", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([gcc, *flags, "-o", program, *sources], check=True)
    ended = subprocess.run([program, str(BLOCKS)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
