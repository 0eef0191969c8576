"""Whether the failed images of an ended batch can be retried; operator and gateway both ask."""

from __future__ import annotations

from .reasons import ConditionType
from .resource import BatchRecord


def nothing_to_retry(batch: BatchRecord, *, dry_run: bool) -> str | None:
    """Return why an ended batch has no image to retry, and what to do; ``None`` if it may have.

    ``dry_run`` is its ``spec.dryRun``. Only plan finds out whether a failure may pass.
    """
    status = batch.status
    if dry_run:
        return f"{batch.name} was a dry run, which compresses nothing: create it without dryRun"
    if status.shards is None:
        told = status.condition(ConditionType.SUCCEEDED)
        why = f" ({told.reason}: {told.message})" if told else ""
        return f"{batch.name} ended before it was planned{why}: correct it and create it again"
    if status.images is not None and status.images.failed == 0:
        return f"no image of {batch.name} failed"
    return None
