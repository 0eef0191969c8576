"""Make a mount namespace, for tiny volumes and a read-only root, which ends with the test."""

from __future__ import annotations

import subprocess
from pathlib import Path

from hosttools.service import Service


class MountSpace(Service):
    """A mount namespace: ``with MountSpace("mount -t tmpfs …") as space:`` runs the commands in it.

    ``space.enter`` is a command prefix that runs a command in the namespace.
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
        """Return the path by which a path in the namespace is reached from outside."""
        return Path(f"/proc/{self._process.pid}/root") / inside.relative_to("/")
