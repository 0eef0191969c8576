"""Kubernetes Events: one for each change of phase, so at most a handful per batch."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from uuid import uuid4

from imagebatch_core.names import API_VERSION, KIND
from imagebatch_core.reasons import ConditionType, Phase, Reason
from imagebatch_core.resource import ImageBatch

from .client import Kube, KubeError, core_path

_log = logging.getLogger(__name__)


async def record_phase_change(kube: Kube, batch: ImageBatch, now: datetime) -> None:
    """Best effort: an Event that cannot be written changes nothing about the batch."""
    phase = batch.status.phase
    type_ = ConditionType.SUCCEEDED if phase and phase.finished else ConditionType.RECONCILING
    condition = batch.status.condition(type_)
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
        "type": "Warning" if phase is Phase.FAILED else "Normal",
        "reason": condition.reason if condition else Reason.IN_PROGRESS,
        "message": f"{phase}: {condition.message}" if condition else str(phase),
        "source": {"component": "imagebatch-operator"},
        "firstTimestamp": time,
        "lastTimestamp": time,
        "count": 1,
    }
    try:
        await kube.create(core_path(batch.namespace, "events"), body)
    except KubeError as error:
        _log.warning("event for %s/%s not written: %s", batch.namespace, batch.name, error)
