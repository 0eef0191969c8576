"""The event that a webhook carries: how a batch ended, as JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from imagebatch_core.reasons import ConditionType
from imagebatch_core.resource import ImageBatch


def payload(batch: ImageBatch, download_url: str | None) -> bytes:
    """Return the event, built from names and status alone: every attempt sends the same bytes.

    ``download_url`` is the address of the report; it is left out if there is no report.
    """
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
    event = {
        "type": f"imagebatch.{phase}",
        "timestamp": _iso(status.completion_time),
        "data": {key: value for key, value in data.items() if value is not None},
    }
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def _iso(time: datetime | None) -> str | None:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z") if time else None
