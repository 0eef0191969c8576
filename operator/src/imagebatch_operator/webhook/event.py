"""The event that a webhook carries, as JSON: that a batch is planned, or how it ended."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from imagebatch_core.reasons import ConditionType, Reason
from imagebatch_core.resource import ImageBatch
from imagebatch_core.webhook_status import PLANNED, WebhookStatus


def payload(batch: ImageBatch, download_url: str | None) -> bytes:
    """Return the event, built from names and status alone: every attempt sends the same bytes.

    ``download_url`` is the address of the report; it is left out if there is no report.
    """
    outbox = batch.status.webhook
    if outbox is not None and outbox.event == PLANNED:
        return _planned(batch, outbox)
    status = batch.status
    images = status.images.model_dump(by_alias=True, exclude_none=True) if status.images else None
    size = status.bytes.model_dump(by_alias=True) if status.bytes else None
    succeeded = status.condition(ConditionType.SUCCEEDED)
    phase = str(status.phase).lower()
    data: dict[str, Any] = {
        "requestId": batch.name,
        "namespace": batch.namespace,
        "uid": batch.uid,
        "status": phase,
        "reason": succeeded.reason if succeeded else None,
        "message": succeeded.message if succeeded else None,
        "products": status.products,
        "rowProblemCount": status.row_problem_count,
        "inputSha256": status.input_sha256,
        "images": images,
        "bytes": size,
        "saved": status.saved,
        "reportKey": status.report.key if status.report else None,
        "downloadUrl": download_url if status.report else None,
        "startTime": _iso(status.start_time),
        "completionTime": _iso(status.completion_time),
    }
    return _encoded(phase, status.completion_time, data)


def _planned(batch: ImageBatch, outbox: WebhookStatus) -> bytes:
    """Return the event of a batch that awaits confirmation, from what does not change later."""
    status = batch.status
    data = {
        "requestId": batch.name,
        "namespace": batch.namespace,
        "uid": batch.uid,
        "status": "suspended",
        "reason": Reason.AWAITING_CONFIRMATION,
        "products": status.products,
        "rowProblemCount": status.row_problem_count,
        "inputSha256": status.input_sha256,
        "images": {"total": status.images.total} if status.images else None,
        "startTime": _iso(status.start_time),
    }
    return _encoded(PLANNED.lower(), outbox.time, data)


def _encoded(kind: str, time: datetime | None, data: Mapping[str, Any]) -> bytes:
    event = {
        "type": f"imagebatch.{kind}",
        "timestamp": _iso(time),
        "data": {key: value for key, value in data.items() if value is not None},
    }
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def _iso(time: datetime | None) -> str | None:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z") if time else None
