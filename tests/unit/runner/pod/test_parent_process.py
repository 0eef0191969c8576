"""The process that talks to hosts and the store never loads what decodes foreign bytes."""

from __future__ import annotations

import subprocess
import sys


def test_a_step_loads_no_decoding_library() -> None:
    program = (
        "import sys, imagebatch_runner.pod.run_step\n"
        "decoding = {'PIL', 'imagebatch_runner.codec.transcode'}\n"
        "bad = decoding & set(sys.modules)\n"
        "sys.exit(', '.join(bad) or 0)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert ended.stderr == ""
