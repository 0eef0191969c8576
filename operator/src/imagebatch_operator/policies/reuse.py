"""Find the earlier batch of ``reuseFrom`` or ``source.retryOf``, and check that it has ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from imagebatch_core.reasons import Reason
from imagebatch_core.resource import BatchRecord, ImageBatch
from imagebatch_core.retry import nothing_to_retry
from imagebatch_core.status import LONGEST_RETRY_CHAIN, ImageBatchStatus, ReuseStatus

from .accepted import refused_since
from .observed import Earlier, Refusal

#: Refusals that usually end by themselves. Watched objects decide them, without any request.
AWAITED: Final = (Reason.EARLIER_BATCH_NOT_ENDED, Reason.EARLIER_BATCH_NOT_FOUND)
#: How long a missing earlier batch is waited for: both may be applied together, in any order.
_ARRIVES_WITHIN = timedelta(seconds=60)


class _Use(NamedTuple):
    """Ends of the messages about an earlier batch that is missing, or has not ended."""

    missing: str
    unfinished: str


_REUSE: Final = _Use("", "what it makes is taken over then")
_RETRY: Final = _Use(
    ". If it was deleted, its failed images cannot be retried as a batch: upload its failed rows "
    "as a new request, from /api/download/{name}?format=failed of the gateway or from its report "
    "in the bucket",
    "its failed images are retried then. To retry now what it has not done, cancel it",
)

Find = Callable[[str], Mapping[str, Any] | None]
"""A batch of the same namespace, as the API server gives it, by its name."""


def earlier_batch(batch: ImageBatch, find: Find, now: datetime) -> Earlier | Refusal | None:
    """Return the earlier batch, or why it cannot be used yet; ``None`` if the batch names none.

    A batch that has not ended is waited for. Its outputs are reused, or its failed images retried,
    however it ended. Its uid is kept in the status, so it may be deleted afterwards.
    """
    reuse, retry = batch.spec.reuse_from, batch.spec.source.retry_of
    if retry is not None:
        name, field, use = retry.name, "spec.source.retryOf", _RETRY
    elif reuse is not None:
        name, field, use = reuse.name, "spec.reuseFrom", _REUSE
    else:
        return None
    if _waits_for_itself(batch.name, name, find):
        text = f"{field}: {name} is this batch, or waits for it"
        return Refusal(Reason.INVALID_SPEC, text, permanent=True)
    body = find(name)
    if body is None:
        text = f"{field}: ImageBatch {name} does not exist in {batch.namespace}"
        text += use.missing.format(name=name)
        return Refusal(Reason.EARLIER_BATCH_NOT_FOUND, text, permanent=_waited(batch, now))
    if not _ended(body):
        text = f"{field}: {name} has not ended yet; {use.unfinished.format(name=name)}"
        return Refusal(Reason.EARLIER_BATCH_NOT_ENDED, text, permanent=False)
    earlier = BatchRecord.from_object(body)
    if retry is not None:
        why = nothing_to_retry(earlier, dry_run=bool(body["spec"].get("dryRun")))
        if why is not None:
            return Refusal(Reason.NOTHING_TO_RETRY, f"{field}: {why}", permanent=True)
        outputs = _outputs_taken_over(earlier.status.reuse)
        if len(outputs) > LONGEST_RETRY_CHAIN:
            text = f"{field}: {name} is retry {len(outputs)} in a row; upload its failed rows anew"
            return Refusal(Reason.INVALID_SPEC, text, permanent=True)
        return Earlier(earlier.uid, earlier.status.storage, outputs)
    return Earlier(earlier.uid, earlier.status.storage)


def _outputs_taken_over(retried: ReuseStatus | None) -> tuple[str, ...]:
    """Return the uids of the data that an earlier batch took over as a retry."""
    if retried is None or retried.images is None:
        return ()
    # After a restore of the resource, the storage has another uid than the resource.
    uid = retried.storage.rstrip("/").rpartition("/")[2] if retried.storage else retried.uid
    return (*retried.outputs, uid)


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
        spec = body.get("spec") or {}
        following = (spec.get("source") or {}).get("retryOf") or spec.get("reuseFrom")
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
