"""`make down` stops everything also where the .venv is gone."""

from __future__ import annotations

import subprocess
import sys

from stack.places import ENVIRONMENT


def test_down_needs_nothing_but_the_standard_library() -> None:
    # -S: no site-packages, as with a Python that has nothing installed.
    words = [sys.executable, "-S", "-c", "import stack.down"]
    done = subprocess.run(words, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.returncode == 0
