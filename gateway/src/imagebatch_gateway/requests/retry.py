"""Whether a request can be retried, and the spec of its retry."""

from __future__ import annotations

from imagebatch_core.reasons import Phase
from imagebatch_core.resource import ImageBatch
from imagebatch_core.retry import nothing_to_retry
from imagebatch_core.source import RetryOfSource, RetryOnly, Source
from imagebatch_core.spec import ImageBatchSpec, Output
from imagebatch_gateway.answers.problems import no_request_to_retry, not_ended, not_retryable
from imagebatch_gateway.backends.batches import Batches
from imagebatch_gateway.backends.errors import BatchMissing


async def retried_batch(batches: Batches, request_id: str) -> ImageBatch:
    """Return the batch of a request whose failed images can be retried.

    Raises:
        Problem: 404, there is no such request; 409, it has not ended or has nothing to retry.
        GatewayError: the API server refuses or does not respond.
    """
    try:
        batch = await batches.get(request_id)
    except BatchMissing as error:
        raise no_request_to_retry(request_id) from error
    phase = batch.status.phase or Phase.PENDING
    if not phase.finished:
        raise not_ended(phase.value.lower())
    why = nothing_to_retry(batch, dry_run=batch.spec.dry_run)
    if why is not None:
        raise not_retryable(why)
    return batch


def retry_spec(batch: ImageBatch, only: RetryOnly) -> ImageBatchSpec:
    """Return the spec of a retry of ``batch``: everything that a retry does not inherit, as there.

    Nothing that held or ended the earlier batch is taken over.
    """
    own = {
        "source": Source(retry_of=RetryOfSource(name=batch.name, only=only)),
        "output": Output(),
        "images_per_shard": None,
        "reuse_from": None,
        "suspend": False,
        "suspend_after": None,
        "cancel": False,
        "dry_run": False,
    }
    return batch.spec.model_copy(update=own)
