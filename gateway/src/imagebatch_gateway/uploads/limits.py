"""Checks a new request against the ceilings of the release."""

from __future__ import annotations

from imagebatch_core.ceilings import Ceilings
from imagebatch_core.errors import LimitExceeded
from imagebatch_core.spec import ImageBatchSpec
from imagebatch_gateway.answers.problems import limit_exceeded


def check_ceilings(spec: ImageBatchSpec, ceilings: Ceilings) -> None:
    """Raise Problem 422 if a spec asks for more than a batch may have."""
    over = ceilings.exceeded(spec)
    if over:
        raise limit_exceeded(*((one.field, one.message) for one in over))


def check_images(images: int, ceilings: Ceilings) -> None:
    """Raise Problem 422 if a file has more images than a batch may have."""
    try:
        ceilings.check_images(images)
    except LimitExceeded as error:
        raise limit_exceeded(("file", str(error))) from error
