"""Where the project lies, and how its own modules are run and stopped."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join(str(ROOT / "deploy" / part) for part in ("local", "images", "")),
    "PYTHONUNBUFFERED": "1",
}


def module(*words: str) -> list[str]:
    """Command line of a module of ours."""
    return [sys.executable, "-m", *words]


def exit_on_sigterm() -> None:
    """As Ctrl-C does: what was started is ended on the way out."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
