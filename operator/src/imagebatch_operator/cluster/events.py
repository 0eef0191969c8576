"""Write the Kubernetes Events of a batch, and a log line for each."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

from imagebatch_core.names import API_VERSION, KIND
from imagebatch_core.resource import BatchRecord
from imagebatch_core.shortened import shortened
from imagebatch_operator.policies.notices import Notice

from .client import Kube, KubeError, core_path

#: The most characters that the API server accepts in an Event's message.
_MESSAGE_LENGTH: Final = 1024
_log = logging.getLogger(__name__)


async def tell(kube: Kube, batch: BatchRecord, notice: Notice, now: datetime) -> None:
    """Log a notice and write its Event; an Event that cannot be written is only logged."""
    level = logging.WARNING if notice.warning else logging.INFO
    place = (batch.namespace, batch.name)
    _log.log(level, "batch %s/%s: %s: %s", *place, notice.reason, notice.message)
    if not notice.event:
        return
    time = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    body = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{batch.name[:200]}.{uuid4().hex[:16]}",
            "namespace": batch.namespace,
        },
        "involvedObject": {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "namespace": batch.namespace,
            "name": batch.name,
            "uid": batch.uid,
            "resourceVersion": batch.resource_version,
        },
        "type": "Warning" if notice.warning else "Normal",
        "reason": notice.reason,
        "message": shortened(notice.message, _MESSAGE_LENGTH),
        "source": {"component": "imagebatch-operator"},
        "firstTimestamp": time,
        "lastTimestamp": time,
        "count": 1,
    }
    try:
        await kube.create(core_path(batch.namespace, "events"), body)
    except KubeError as error:
        _log.warning("event for %s/%s not written: %s", *place, error)
