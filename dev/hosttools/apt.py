"""Install Debian packages for programs that are missing."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Sequence

from hosttools.command import run
from hosttools.errors import CommandFailed, MissingTool
from hosttools.progress import Say, heartbeat

_SECONDS = 900.0


def install(packages: Sequence[str], out: Say) -> None:
    """Install these Debian packages. The package lists are fetched only if the first try fails.

    Raises:
        MissingTool: this machine has no apt, or the caller is not root.
        CommandFailed: apt failed.
    """
    names = " ".join(packages)
    if not shutil.which("apt-get"):
        raise MissingTool(f"this machine has no apt-get; install first: {names}")
    if os.geteuid() != 0:
        raise MissingTool(f"run as root, or install first: {names}")
    out(f"installing Debian packages: {names}")
    with heartbeat(lambda: "apt-get at work", out):
        try:
            _install(packages)
        except CommandFailed:
            out("fetching package lists")
            # Fetching may fail for the lists of an unrelated vendor, so only the installation
            # counts.
            with contextlib.suppress(CommandFailed):
                _apt("update", "--quiet")
            _install(packages)


def _install(packages: Sequence[str]) -> None:
    _apt("install", "--yes", "--quiet", "--no-install-recommends", *packages)


def _apt(*arguments: str) -> None:
    run(
        ["apt-get", "-o", "DPkg::Lock::Timeout=300", *arguments],
        env={"DEBIAN_FRONTEND": "noninteractive"},
        timeout=_SECONDS,
    )
