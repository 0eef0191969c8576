"""Kubernetes and the images, built beside what is shown meanwhile."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from . import tree
from .errors import BuildFailed
from .places import ROOT, module
from .say import show

_LOOK_SECONDS = 0.2
PREBUILD = tuple(module("demo.prebuild"))


@contextmanager
def built(log: Path, build: Sequence[str] = PREBUILD) -> Iterator[Callable[[], None]]:
    """Gives a function that waits for the build, showing what it says. It is ended with the block.

    What it says before goes to ``log`` alone, so that it does not run through other output.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as out:
        process = tree.start(tree.command(*build), cwd=ROOT, stdout=out)
    try:
        yield lambda: _wait(process, log)
    finally:
        tree.end(process)


def _wait(process: subprocess.Popen[str], log: Path) -> None:
    """Raises BuildFailed."""
    with log.open() as said:
        while True:
            ended = process.poll() is not None
            show(said.read())
            if ended:
                break
            time.sleep(_LOOK_SECONDS)
    if process.returncode:
        raise BuildFailed("the build failed; its output is above")
