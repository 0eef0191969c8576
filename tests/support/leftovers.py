"""A pytest plugin: a process that a test or fixture started ends with it."""

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

#: For processes that were told to end when the last test did.
_GRACE_SECONDS = 5.0


@pytest.fixture(scope="session", autouse=True)
def no_process_outlives_the_tests() -> Iterator[None]:
    """Set up before all other fixtures, torn down after them. Kills what is left, and names it."""
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
    """Command lines by pid. Python's own helpers of multiprocessing end with this process."""
    below = set(process_tree.descendants(os.getpid()))
    return {
        one.pid: " ".join(one.words)
        for one in processes.running()
        if one.pid in below and "from multiprocessing." not in " ".join(one.words)
    }
