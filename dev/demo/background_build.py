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
    """Start the build; give a function that waits for it and shows its output.

    The build is ended with the block. Until it is waited for, its output goes to ``log`` alone.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as out:
        process = process_tree.start(process_tree.command(*build), cwd=ROOT, stdout=out)
    try:
        yield lambda: _wait(process, log)
    finally:
        process_tree.end(process)


def _wait(process: subprocess.Popen[str], log: Path) -> None:
    """Show the build's output until it ends. Raises BuildFailed."""
    with log.open() as said:
        while True:
            ended = process.poll() is not None
            show(said.read())
            if ended:
                break
            time.sleep(_LOOK_SECONDS)
    if process.returncode:
        raise BuildFailed("the build failed; its output is above")
