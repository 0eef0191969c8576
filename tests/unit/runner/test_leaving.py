"""The runner leaves without the interpreter's own end, which threads of obstore may abort."""

from __future__ import annotations

import subprocess
import sys

import pytest

_CODE = """
import atexit, sys
atexit.register(print, "the interpreter ended")
sys.argv = ["imagebatch-runner", *{words!r}]
from imagebatch_runner.__main__ import main
main()
"""


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["plan"], 3, "IMAGEBATCH_JOB"),
        (["--help"], 0, "Usage"),
        (["local", "there-is-no-such-file.csv", "--out", "x"], 2, "there-is-no-such-file"),
    ],
)
def test_exit_code_and_output_hold_and_the_interpreter_does_not_end(
    words: list[str], code: int, said: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _CODE.format(words=words)],
        capture_output=True, text=True, check=False, env={}, timeout=60,
    )  # fmt: skip
    assert done.returncode == code, done
    assert said in done.stdout + done.stderr
    assert "the interpreter ended" not in done.stdout
