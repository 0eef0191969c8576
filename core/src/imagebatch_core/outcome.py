"""Decide how a batch ends once its images are collected."""

from __future__ import annotations

from typing import NamedTuple

from .counted import counted
from .reasons import Phase, Reason


class Outcome(NamedTuple):
    """The end of a batch; ``message`` is a sentence for people."""

    phase: Phase
    reason: Reason
    message: str


def outcome(images: int, *, failed: int, reused: int, max_failed_percent: int) -> Outcome:
    """Return how a batch of so many images ends.

    It is Failed if more than ``max_failed_percent`` of its images failed.
    """
    text = f"{failed} of {counted(image=images)} failed"
    if failed * 100 > max_failed_percent * images:
        text = f"{text}; maxFailedPercent is {max_failed_percent}"
        return Outcome(Phase.FAILED, Reason.TOO_MANY_FAILED, text)
    if failed:
        return Outcome(Phase.COMPLETED, Reason.COMPLETED_WITH_FAILURES, text)
    text = "the only image is done" if images == 1 else f"all {images} images are done"
    text += f", {reused} of them reused" if reused else ""
    return Outcome(Phase.COMPLETED, Reason.COMPLETED, text)
