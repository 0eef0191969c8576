"""The command local: the runner's, where it is installed."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import typer

from . import screen
from .exits import Exit

_RUNNER = "imagebatch-runner"


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    settings = {"allow_extra_args": True, "ignore_unknown_options": True}
    app.command("local", context_settings=settings, add_help_option=False)(local)


def local(context: typer.Context) -> None:
    """Compress a CSV or a folder on this machine, by imagebatch-runner, where it is installed."""
    found = runner(Path(sys.executable).parent)
    if found is None:
        screen.complain(
            f"imagebatch: {_RUNNER} is not installed here: pip install ./core ./jobrunner"
        )
        raise typer.Exit(Exit.REFUSED)
    os.execv(found, [_RUNNER, "local", *context.args])  # noqa: S606 - a program of this project


def runner(beside: Path) -> str | None:
    """Return the path of the runner in the folder ``beside`` or on the PATH, None without one."""
    return shutil.which(_RUNNER, path=str(beside)) or shutil.which(_RUNNER)
