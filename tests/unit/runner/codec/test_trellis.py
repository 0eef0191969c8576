"""The trellis of `profile: small` leaves out ways that cannot be the best, and misses none."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
BLOCKS = 200_000


def test_trellis_chooses_as_if_it_had_tried_all_ways(tmp_path: Path) -> None:
    gcc = shutil.which("gcc")
    if gcc is None:
        pytest.skip("needs gcc")
    sources = [ROOT / "tests/native/trellis.c", ROOT / "jobrunner/native/trellis.c"]
    program = tmp_path / "trellis"
    flags = ["-O2", "-std=c11", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([gcc, *flags, "-o", program, *sources], check=True)
    ended = subprocess.run([program, str(BLOCKS)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
