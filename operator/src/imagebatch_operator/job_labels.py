"""The labels that a batch's Jobs, pods and ConfigMap get, and those of Kueue among them."""

from __future__ import annotations

from typing import Final

from imagebatch_core import names
from imagebatch_core.resource import ImageBatch

_VALUE_LIMIT: Final = 63


def labels(batch: ImageBatch) -> dict[str, str]:
    """Return the labels of everything that the operator creates for a batch."""
    own = {
        "app.kubernetes.io/name": "imagebatch-runner",
        "app.kubernetes.io/managed-by": "imagebatch-operator",
        names.LABEL_BATCH: batch.name[:_VALUE_LIMIT].rstrip("-."),
        names.LABEL_BATCH_UID: batch.uid,
    }
    return own | _copied(batch, names.LABEL_KUEUE_QUEUE)


def priority_label(batch: ImageBatch) -> dict[str, str]:
    """Return the label with the batch's priority class in Kueue.

    It is for Jobs, not for their pod templates: it may change while a Job waits or runs.
    """
    return _copied(batch, names.LABEL_KUEUE_PRIORITY)


def _copied(batch: ImageBatch, name: str) -> dict[str, str]:
    value = batch.labels.get(name)
    # A batch that ends early must not wait for its queue: only its report is left to write.
    return {name: value} if value and batch.status.ending is None else {}
