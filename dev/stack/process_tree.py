"""``python -m stack.process_tree COMMAND …``: run a program; if it fails, end all its descendants.

Programs start further programs: `go build` starts compilers, and buildah starts chroots in sessions
of their own. Ending the first program or its process group does not end those. This process adopts
orphans below it, so that it can find all descendants. It also ends them, and itself, when its own
parent ends. If the program ends with exit code 0, processes that it left running are kept.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from types import FrameType

from hosttools import processes

from .places import ENVIRONMENT

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def command(*words: str, stop: signal.Signals = signal.SIGTERM, grace: float = 20.0) -> list[str]:
    """Return the command line that runs ``words`` under :mod:`stack.process_tree`.

    When it is stopped, the program's process group gets the signal ``stop``, and SIGKILL ``grace``
    seconds later.
    """
    own = [
        sys.executable,
        "-m",
        "stack.process_tree",
        f"--stop={stop.name}",
        f"--grace={grace:g}",
        "--",
    ]
    return [*own, *words]


def start(words: Sequence[str], **options: object) -> subprocess.Popen[str]:
    """Start a command line made by :func:`command`. Stop it with :func:`end`."""
    # It gets its own session, so that Ctrl-C does not reach it twice: from the terminal and from
    # this process.
    return subprocess.Popen(  # type: ignore[call-overload, no-any-return] # options of Popen
        list(words), env=ENVIRONMENT, text=True, start_new_session=True, **options
    )


def end(process: subprocess.Popen[str]) -> None:
    """Terminate a process that :func:`start` started, and wait for its end.

    Such a process ends its descendants first. A process that has ended is left alone.
    """
    if process.poll() is None:
        process.terminate()
    process.wait()


def end_with_parent() -> None:
    """Ask the kernel to send this process SIGTERM when its parent ends, for whatever reason."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def adopt_orphans() -> None:
    """Make this process the new parent of every descendant whose own parent ends."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def descendants(root: int) -> list[int]:
    """Return the pids of the descendants of ``root``, each before its own children."""
    children: dict[int, list[int]] = {}
    for process in processes.running():
        children.setdefault(process.parent, []).append(process.pid)
    found: list[int] = []
    pending = [root]
    while pending:
        below = children.get(pending.pop(0), [])
        found += below
        pending += below
    return found


class _Told(BaseException):
    """A signal asked this process to stop."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _stop(number: int, _frame: FrameType | None) -> None:
    for one in _STOPPING:
        signal.signal(one, signal.SIG_IGN)
    raise _Told(number)


def run(words: Sequence[str], first: signal.Signals, grace: float) -> int:
    """Run the program and return its exit code, which is 128 + n after signal n, as in a shell.

    ``first`` is the signal that stops the program, ``grace`` the seconds until it is killed.
    """
    adopt_orphans()
    end_with_parent()
    for number in _STOPPING:
        signal.signal(number, _stop)
    process: subprocess.Popen[bytes] | None = None
    try:
        process = subprocess.Popen(list(words), process_group=0)
        code = process.wait()
        if code == 0:
            return 0
    except _Told as told:
        code = -told.number
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, first)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(grace)
    for number in _STOPPING:
        signal.signal(number, signal.SIG_IGN)
    _kill_all()
    return code if code > 0 else 128 - code


def _kill_all() -> None:
    while left := descendants(os.getpid()):
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.02)


def main() -> int:
    parser = argparse.ArgumentParser(prog="stack.process_tree", description=__doc__)
    parser.add_argument("--stop", default="SIGTERM", help="what the program is told first")
    parser.add_argument("--grace", type=float, default=20.0, help="seconds until it is killed")
    parser.add_argument("words", nargs="+", metavar="COMMAND")
    options = parser.parse_args()
    return run(options.words, signal.Signals[options.stop], options.grace)


if __name__ == "__main__":
    sys.exit(main())
