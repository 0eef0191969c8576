"""Stopping a build stops all of it: told, killed or failed, in the middle."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from hosttools import processes
from stack import process_tree
from stack.places import ENVIRONMENT

_SECONDS = 60.0


class Marked:
    """Processes that bear one word in their environment, whoever their parent is."""

    def __init__(self) -> None:
        self.word = f"IMAGEBATCH_TEST_MARK={uuid4()}"

    def pids(self) -> list[int]:
        found = []
        for process in processes.running():
            with contextlib.suppress(OSError):
                if self.word.encode() in (process.folder / "environ").read_bytes():
                    found.append(process.pid)
        return found

    def sleeping(self) -> int:
        """How many of them are `sleep`."""
        return sum(_program(pid) == "sleep" for pid in self.pids())

    def script(self, *lines: str) -> list[str]:
        """A shell that begins what builds begin: a child, one in a session of its own, and one
        whose parent is gone; then ``lines``."""
        text = "\n".join(["sleep 600 &", "setsid sleep 600 &", "(setsid sleep 600 & )", *lines])
        return ["env", self.word, "bash", "-c", text]


def _program(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


@pytest.fixture
def marked() -> Iterator[Marked]:
    made = Marked()
    yield made
    for pid in made.pids():
        os.kill(pid, signal.SIGKILL)


def wait_for(found: Callable[[], bool]) -> None:
    end = time.monotonic() + _SECONDS
    while not found():
        assert time.monotonic() < end, "it did not come to pass in time"
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_what_is_told_to_stop_leaves_no_process_behind(
    marked: Marked, number: signal.Signals
) -> None:
    process = process_tree.start(process_tree.command(*marked.script("wait")))
    wait_for(lambda: marked.sleeping() == 3)
    process.send_signal(number)
    assert process.wait(_SECONDS) == 128 + number
    assert marked.pids() == []


def test_what_does_not_stop_when_told_is_killed(marked: Marked) -> None:
    words = marked.script("trap '' TERM", "while :; do sleep 600; done")
    process = process_tree.start(process_tree.command(*words, grace=0.2))
    wait_for(lambda: marked.sleeping() == 4)
    process_tree.end(process)
    assert marked.pids() == []


def test_a_program_that_fails_leaves_no_process_behind(marked: Marked) -> None:
    process = process_tree.start(process_tree.command(*marked.script("exit 3")))
    assert process.wait(_SECONDS) == 3
    assert marked.pids() == []


def test_what_a_program_that_ended_well_left_running_stays(marked: Marked) -> None:
    process = process_tree.start(process_tree.command(*marked.script("exit 0")))
    assert process.wait(_SECONDS) == 0
    assert len(marked.pids()) == 3


def test_all_of_it_ends_when_whoever_started_it_is_killed(marked: Marked) -> None:
    program = "import sys; from stack import process_tree; process_tree.start(sys.argv[1:]).wait()"
    words = process_tree.command(*marked.script("wait"))
    starter = subprocess.Popen([sys.executable, "-c", program, *words], env=ENVIRONMENT)
    wait_for(lambda: marked.sleeping() == 3)
    starter.kill()
    starter.wait()
    wait_for(lambda: marked.pids() == [])


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)]
)
def test_make_test_that_is_stopped_in_the_middle_leaves_no_process_behind(
    marked: Marked, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    words, env = all_tests(marked, tmp_path, "sleep 600 & setsid sleep 600 & wait")
    started = subprocess.Popen(words, env=env, start_new_session=True)
    wait_for(lambda: marked.sleeping() == 5)
    started.send_signal(number)
    assert started.wait(_SECONDS) == code
    wait_for(lambda: marked.pids() == [])


def test_make_test_whose_make_is_killed_leaves_no_process_behind(
    marked: Marked, tmp_path: Path
) -> None:
    program = "import subprocess, sys; subprocess.run(sys.argv[1:])"
    words, env = all_tests(marked, tmp_path, "sleep 600 & setsid sleep 600 & wait")
    outer = subprocess.Popen([sys.executable, "-c", program, *words], env=env)
    wait_for(lambda: marked.sleeping() == 5)
    outer.kill()
    outer.wait()
    wait_for(lambda: marked.pids() == [])


def test_make_test_fails_with_its_first_part_and_ends_the_builds(
    marked: Marked, tmp_path: Path
) -> None:
    words, env = all_tests(marked, tmp_path, "exit 2")
    started = subprocess.Popen(words, env=env)
    assert started.wait(_SECONDS) == 2
    assert marked.pids() == []


def all_tests(marked: Marked, folder: Path, tests: str) -> tuple[list[str], dict[str, str]]:
    """Words and environment of `make test` with a build that never ends, and ``tests`` in place of
    make's targets."""
    make = folder / "make"
    make.write_text(f"#!/bin/bash\n{tests}\n")
    make.chmod(0o755)
    name, _, value = marked.word.partition("=")
    program = "import sys; from stack import alltests; sys.exit(alltests.run(sys.argv[1:]))"
    words = [sys.executable, "-c", program, *marked.script("wait")]
    return words, {**ENVIRONMENT, "MAKE": str(make), name: value}
