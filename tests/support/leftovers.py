"""A pytest plugin that fails the run if a process outlives the tests that started it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator

import pytest

from hosttools import processes
from localcluster.state import wait_for
from stack import process_tree

#: Seconds that processes get to end after the last test.
_GRACE_SECONDS = 5.0


@pytest.fixture(scope="session", autouse=True)
def no_process_outlives_the_tests() -> Iterator[None]:
    """Kill processes that are left after all tests and fixtures, and fail with their names."""
    if sys.platform == "linux":
        process_tree.adopt_orphans()
    yield
    if wait_for(lambda: not _left(), _GRACE_SECONDS):
        return
    left = _left()
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    pytest.fail(f"processes outlive the tests that started them: {left}")


def _left() -> dict[int, str]:
    """Return the command lines of all descendants by pid, except Python's multiprocessing helpers,
    which end with this process."""
    below = set(process_tree.descendants(os.getpid()))
    return {
        one.pid: " ".join(one.words)
        for one in processes.running()
        if one.pid in below and "from multiprocessing." not in " ".join(one.words)
    }
