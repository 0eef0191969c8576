"""The ImageBatch resource: metadata, :mod:`spec <.spec>` and :mod:`status <.status>`.

The CRD is generated from them (:mod:`imagebatch_core.crd`), so that the API server, the operator
and the gateway refuse the same things. Field names are snake_case in Python, camelCase outside.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from .model import Model
from .spec import ImageBatchSpec
from .status import ImageBatchStatus


class ImageBatch(Model):
    """The resource as read from the API server, with the metadata that the components use."""

    namespace: str
    name: str
    uid: str
    generation: int = 1
    resource_version: str = ""
    creation_timestamp: datetime
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    spec: ImageBatchSpec
    status: ImageBatchStatus = ImageBatchStatus()

    @classmethod
    def from_object(cls, body: dict[str, Any]) -> ImageBatch:
        """From the API server's JSON; raises pydantic's ValidationError when it is not one."""
        meta = body["metadata"]
        return cls(
            namespace=meta["namespace"],
            name=meta["name"],
            uid=meta["uid"],
            generation=meta.get("generation", 1),
            resource_version=meta.get("resourceVersion", ""),
            creation_timestamp=meta["creationTimestamp"],
            deletion_timestamp=meta.get("deletionTimestamp"),
            labels=meta.get("labels") or {},
            annotations=meta.get("annotations") or {},
            spec=ImageBatchSpec.model_validate(body["spec"]),
            status=ImageBatchStatus.model_validate(body.get("status") or {}),
        )
