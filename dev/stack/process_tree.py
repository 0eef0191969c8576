"""``python -m stack.process_tree COMMAND …``: run a program, and end all of it if it fails.

Programs here start programs: `go build` its compilers, buildah its chroots in sessions of their
own. Ending the first of them, or its process group, leaves the others to go on unseen. This process
adopts whatever loses its parent below it, so that all of it can be found, and ended, from here. It
ends itself, and with it everything, when the process that started it is gone.

What a program that ended well has left running is meant to run, and stays.
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
    """Command line that runs ``words`` in a tree of its own.

    ``stop`` is what its process group is told first; ``grace`` seconds later it is killed.
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
    """Start what :func:`command` gave; :func:`end` ends it."""
    # A session of its own: Ctrl-C reaches it once, from whoever started it.
    return subprocess.Popen(  # type: ignore[call-overload, no-any-return] # options of Popen
        list(words), env=ENVIRONMENT, text=True, start_new_session=True, **options
    )


def end(process: subprocess.Popen[str]) -> None:
    """Until nothing of it is left; harmless when it has ended."""
    if process.poll() is None:
        process.terminate()
    process.wait()


def end_with_parent() -> None:
    """This process is told to stop once the one that started it is gone, however that ended."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def adopt_orphans() -> None:
    """Whatever loses its parent below this process becomes its child, and can be found here."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def descendants(root: int) -> list[int]:
    """Pids of the processes below ``root``, each before its own children."""
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
    """A signal says to stop."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _stop(number: int, _frame: FrameType | None) -> None:
    for one in _STOPPING:
        signal.signal(one, signal.SIG_IGN)
    raise _Told(number)


def run(words: Sequence[str], first: signal.Signals, grace: float) -> int:
    """The program's exit code, as a shell has it."""
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
