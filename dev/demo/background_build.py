"""Build Kubernetes and the images in the background, while the demo shows something else."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from stack import process_tree
from stack.errors import BuildFailed
from stack.places import ROOT, module
from stack.say import show

_LOOK_SECONDS = 0.2
PREBUILD = tuple(module("stack.prebuild"))


@contextmanager
def started(log: Path, build: Sequence[str] = PREBUILD) -> Iterator[Callable[[], None]]:
    """Start the build; yield a function that waits for its end and shows its output.

    At the end of the block a build that still runs is stopped. Its output is written to ``log``,
    and shown only by that function.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as out:
        process = process_tree.start(process_tree.command(*build), cwd=ROOT, stdout=out)
    try:
        yield lambda: _wait(process, log)
    finally:
        process_tree.end(process)


def _wait(process: subprocess.Popen[str], log: Path) -> None:
    """Show the build's output until the build ends. Raises BuildFailed if it failed."""
    with log.open() as said:
        while True:
            ended = process.poll() is not None
            show(said.read())
            if ended:
                break
            time.sleep(_LOOK_SECONDS)
    if process.returncode:
        raise BuildFailed("the build failed; its output is above")
