"""Run a program and turn its failure into a message that names it."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence

from localcluster.errors import CommandFailed, MissingTool

_LAST_WORDS = 2000


def run(
    arguments: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    timeout: float | None = 120.0,
) -> str:
    """Standard output of the program; ``env`` is added to this process's environment."""
    try:
        done = subprocess.run(
            list(arguments),
            check=False,
            capture_output=True,
            text=True,
            input=stdin,
            timeout=timeout,
            env={**os.environ, **env} if env else None,
        )
    except FileNotFoundError as error:
        raise MissingTool(f"{arguments[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(f"{shlex.join(arguments)}: no end after {timeout:.0f} s") from error
    if done.returncode != 0:
        words = (done.stderr.strip() or done.stdout.strip())[-_LAST_WORDS:]
        raise CommandFailed(f"{shlex.join(arguments)}: exit code {done.returncode}: {words}")
    return done.stdout


def succeeds(arguments: Sequence[str], *, timeout: float = 30.0) -> bool:
    """Whether the program exists and ends well in time."""
    try:
        run(arguments, timeout=timeout)
    except (CommandFailed, MissingTool):
        return False
    return True
