from __future__ import annotations

import os
import subprocess
import sys
import time

from hosttools import processes

SLEEP = (sys.executable, "-c", "import time; time.sleep(600)", "two words", "")


def test_a_process_is_found_with_its_parent_and_its_words() -> None:
    child = subprocess.Popen(SLEEP)
    try:
        end = time.monotonic() + 30
        # Until the child has become the new program.
        while not (found := [one for one in processes.running() if one.words == SLEEP]):
            assert time.monotonic() < end
        assert [(one.pid, one.parent) for one in found] == [(child.pid, os.getpid())]
        assert (found[0].folder / "stat").exists()
    finally:
        child.kill()
        child.wait()


def test_a_process_that_ended_and_was_not_waited_for_does_not_run() -> None:
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert child.pid not in {one.pid for one in processes.running()}
    child.wait()


def test_the_peak_is_what_a_process_held_once_and_nothing_after_its_end() -> None:
    program = "held = b'x' * (100 << 20); del held; print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert 100 << 20 < processes.peak_memory(child.pid) < 200 << 20
        child.communicate("\n")
    assert processes.peak_memory(child.pid) == 0
