"""A step as a pod's process: logging to standard error, the exit code of :mod:`.steps`."""

from __future__ import annotations

import logging
import os

from imagebatch_core.environment import variable
from imagebatch_core.job import Step

from . import steps


def main(step: Step) -> int:
    logging_at(logging.INFO)
    return int(steps.run(step, os.environ))


def logging_at(level: int) -> None:
    """``IMAGEBATCH_LOG_LEVEL`` wins over ``level``; what is none is refused with the settings."""
    wanted = os.environ.get(variable("log_level"), "").strip().upper()
    logging.basicConfig(
        level=logging.getLevelNamesMapping().get(wanted) or level,
        format="%(asctime)s %(levelname)s %(message)s",
    )
