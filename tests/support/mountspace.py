"""A mount namespace of its own: tiny volumes and a read-only root, gone with the test however it
ends."""

from __future__ import annotations

import subprocess
from pathlib import Path

from hosttools.service import Service


class MountSpace(Service):
    """``with MountSpace("mount -t tmpfs …") as space:`` runs the commands in a new namespace.

    ``space.enter`` is the command that others are run by to be in it.
    """

    def __init__(self, *commands: str) -> None:
        script = " && ".join([*commands, "echo ready", "exec cat"])  # until its input ends
        self._process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def set_up(self) -> None:
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            raise RuntimeError("the namespace could not be set up; tests run as root")

    def tear_down(self) -> None:
        self._process.kill()
        self._process.communicate()

    @property
    def enter(self) -> tuple[str, ...]:
        return ("nsenter", "--mount", "--wd=/", f"--target={self._process.pid}")

    def run(self, *command: str) -> None:
        subprocess.run([*self.enter, *command], check=True)

    def path(self, inside: Path) -> Path:
        """The same place, as seen from outside."""
        return Path(f"/proc/{self._process.pid}/root") / inside.relative_to("/")
