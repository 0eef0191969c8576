"""Run programs, with errors that name the command and quote its last lines of output."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from hosttools.errors import CommandFailed, MissingTool

_LAST_LINES = 25
_STOP_SECONDS = 5.0


def run(
    arguments: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    timeout: float | None = 120.0,
) -> str:
    """Run a program and return its standard output.

    ``env`` is added to this process's environment; ``timeout`` is in seconds. Raises MissingTool
    and CommandFailed.
    """
    try:
        done = subprocess.run(
            list(arguments),
            check=False,
            capture_output=True,
            text=True,
            input=stdin or "",
            timeout=timeout,
            env={**os.environ, **(env or {})},
        )
    except FileNotFoundError as error:
        raise MissingTool(f"{arguments[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(f"{shlex.join(arguments)}: no end after {timeout:.0f} s") from error
    if done.returncode != 0:
        words = done.stderr.strip() or done.stdout.strip()
        raise _failure(arguments, done.returncode, words.splitlines())
    return done.stdout


def succeeds(arguments: Sequence[str], *, timeout: float = 30.0) -> bool:
    """Return whether the program exists and ends with exit code 0 in time."""
    try:
        run(arguments, timeout=timeout)
    except (CommandFailed, MissingTool):
        return False
    return True


def follow(
    arguments: Sequence[str],
    on_line: Callable[[str], None],
    *,
    env: Mapping[str, str] | None = None,
) -> None:
    """Run a program and call ``on_line`` with each line of its output at once.

    Raises MissingTool and CommandFailed.
    """
    last: deque[str] = deque(maxlen=_LAST_LINES)
    try:
        process = subprocess.Popen(
            list(arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**os.environ, **(env or {})},
            # A process group of its own, so that all of it can be stopped.
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise MissingTool(f"{arguments[0]} is not installed") from error
    with process:
        try:
            for line in process.stdout or ():
                last.append(line.rstrip())
                on_line(line.rstrip())
            code = process.wait()
        except BaseException:
            _stop(process)
            raise
    if code != 0:
        raise _failure(arguments, code, last)


def _stop(process: subprocess.Popen[str]) -> None:
    """End the program and its process group."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)


def _failure(
    arguments: Sequence[str], code: int, lines: Sequence[str] | deque[str]
) -> CommandFailed:
    words = "\n".join(list(lines)[-_LAST_LINES:])
    return CommandFailed(f"{shlex.join(arguments)}: exit code {code}:\n{words}")
