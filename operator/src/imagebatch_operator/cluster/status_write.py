"""Writes the whole status of a batch, unless the batch has changed since it was read.

Changes of the status are also reported as Events and log lines.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from imagebatch_core.resource import BatchRecord
from imagebatch_core.status import ImageBatchStatus
from imagebatch_operator import metrics
from imagebatch_operator.policies.notices import notices

from .cache import Cache
from .client import Kube, batch_path
from .events import tell

Batch = TypeVar("Batch", bound=BatchRecord)


async def write_status(
    kube: Kube, cache: Cache, batch: Batch, status: ImageBatchStatus, now: datetime
) -> Batch:
    """Write the status and return the batch as the API server stored it.

    Nothing is sent when the status did not change.

    Raises:
        Conflict: the batch changed since it was read.
        NotFound: the batch was deleted.
    """
    if status == batch.status:
        return batch
    patch = {
        # With the version the API server refuses to overwrite somebody else's change.
        "metadata": {"resourceVersion": batch.resource_version},
        # Nulls are sent: in a merge patch they remove the field.
        "status": status.model_dump(mode="json", by_alias=True),
    }
    body = await kube.patch(batch_path(batch.namespace, batch.name, "status"), patch)
    metrics.count_status(batch.status, status)
    cache.put_batch(body)
    written = batch.from_object(body)
    for notice in notices(batch.status, status):
        await tell(kube, written, notice, now)
    return written
