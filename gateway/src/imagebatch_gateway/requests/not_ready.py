"""Explains why a request has no output CSV. Pure functions, without I/O."""

from __future__ import annotations

from typing import Final

from imagebatch_core.reasons import Phase
from imagebatch_core.resource import ImageBatch
from imagebatch_gateway.answers.problems import Problem, no_output_ever, no_output_yet

from .describe import telling_condition

#: Retry-After in seconds for a running request.
_SOON: Final = 5


def why_no_output(batch: ImageBatch) -> Problem:
    """Return a problem 409 with the reason; with Retry-After only if the output may still come."""
    phase = batch.status.phase or Phase.PENDING
    condition = telling_condition(batch)
    because = f" ({condition.reason}: {condition.message})" if condition else ""
    if batch.spec.dry_run and phase is Phase.COMPLETED:
        return no_output_ever("A dry run has no output: nothing was compressed.")
    if phase.finished:
        return no_output_ever(f"The request is {phase.value.lower()}{because}.")
    if phase is Phase.SUSPENDED:
        return no_output_yet(
            "The request is suspended; it has no output until resumed.", _SOON * 12
        )
    images = batch.status.images
    progress = f": {images.done} of {images.total} images are done" if images else ""
    return no_output_yet(
        f"The request is {phase.value.lower()}{progress}{because}; ask again in {_SOON} seconds.",
        _SOON,
    )
