"""Find the earlier batch whose outputs a batch reuses, and check that it has ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from imagebatch_core.reasons import Reason
from imagebatch_core.resource import ImageBatch
from imagebatch_core.status import ImageBatchStatus

from .accepted import refused_since
from .observed import Earlier, Refusal

#: Refusals that usually end by themselves. Watched objects decide them, without any request.
AWAITED: Final = (Reason.EARLIER_BATCH_NOT_ENDED, Reason.EARLIER_BATCH_NOT_FOUND)
#: How long a missing earlier batch is waited for: both may be applied together, in any order.
_ARRIVES_WITHIN = timedelta(seconds=60)

Find = Callable[[str], Mapping[str, Any] | None]
"""A batch of the same namespace, as the API server gives it, by its name."""


def earlier_batch(batch: ImageBatch, find: Find, now: datetime) -> Earlier | Refusal | None:
    """Return the earlier batch, or why it cannot be used yet; ``None`` without ``reuseFrom``.

    A batch that has not ended is waited for. Its outputs are reused however it ended. Its uid is
    kept in the status, so it may be deleted afterwards.
    """
    if batch.spec.reuse_from is None:
        return None
    name = batch.spec.reuse_from.name
    if _waits_for_itself(batch.name, name, find):
        text = f"spec.reuseFrom: {name} is this batch, or waits for it"
        return Refusal(Reason.INVALID_SPEC, text, permanent=True)
    body = find(name)
    if body is None:
        text = f"spec.reuseFrom: ImageBatch {name} does not exist in {batch.namespace}"
        return Refusal(Reason.EARLIER_BATCH_NOT_FOUND, text, permanent=_waited(batch, now))
    if not _ended(body):
        text = f"spec.reuseFrom: {name} has not ended yet; what it makes is taken over then"
        return Refusal(Reason.EARLIER_BATCH_NOT_ENDED, text, permanent=False)
    storage = ImageBatchStatus.model_validate(body.get("status") or {}).storage
    return Earlier(str(body["metadata"]["uid"]), storage)


def _waited(batch: ImageBatch, now: datetime) -> bool:
    """Return whether this batch has waited long enough for a missing earlier batch.

    The wait began when this operator wrote the refusal, so both times are from its own clock; the
    API server's clock may differ.
    """
    since = refused_since(batch)
    return since is not None and now - since >= _ARRIVES_WITHIN


def _waits_for_itself(own: str, name: str, find: Find) -> bool:
    """Return whether the chain of awaited batches leads back to this one, which would never end."""
    passed: set[str] = set()
    while name not in passed:
        if name == own:
            return True
        passed.add(name)
        body = find(name)
        if body is None or not _waits(body):
            return False
        following = (body.get("spec") or {}).get("reuseFrom")
        if not following:
            return False
        name = following["name"]
    return False


def _waits(body: Mapping[str, Any]) -> bool:
    """Return whether a batch still waits for its own earlier batch; one that has begun does not."""
    status = ImageBatchStatus.model_validate(body.get("status") or {})
    return status.reuse is None and not _ended(body)


def _ended(body: Mapping[str, Any]) -> bool:
    phase = ImageBatchStatus.model_validate(body.get("status") or {}).phase
    return phase is not None and phase.finished
