"""``python -m stack.alltests``: run all tests, while Kubernetes and the images are built.

When it ends, for whatever reason, all processes that it started are ended too.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from types import FrameType

from . import process_tree
from .places import module

#: Seconds that tests get to tear down what they set up, for example a cluster.
_TEARDOWN_SECONDS = 90.0


def run(prebuild: Sequence[str]) -> int:
    """Run all tests and return the exit code.

    Tests that need no build run while ``prebuild``, a module and its arguments, fills the caches.
    """
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _stop)
    process_tree.end_with_parent()
    running: list[subprocess.Popen[str]] = []
    try:
        running.append(process_tree.start(process_tree.command(*prebuild)))
        code = _make(running, "check", "slow") or running[0].wait()
        return code or _make(running, "integration", "e2e")
    finally:
        for process in running:
            if process.poll() is None:
                process.terminate()
        for process in running:
            process_tree.end(process)


def _make(running: list[subprocess.Popen[str]], *targets: str) -> int:
    words = [os.environ.get("MAKE") or "make", "--no-print-directory", *targets]
    # On SIGINT, which Ctrl-C sends too, pytest tears down what its tests set up.
    command = process_tree.command(*words, stop=signal.SIGINT, grace=_TEARDOWN_SECONDS)
    running.append(process_tree.start(command))
    return running[-1].wait()


def _stop(number: int, _frame: FrameType | None) -> None:
    for one in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(one, signal.SIG_IGN)
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(run(module("stack.prebuild", "--network-policies")))
