"""The ImageBatch resource: metadata, :mod:`spec <.spec>` and :mod:`status <.status>`.

The CRD is generated from these models (:mod:`imagebatch_core.crd`), so the API server, the operator
and the gateway refuse the same specs. Field names are snake_case in Python and camelCase in JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from datetime import datetime
from typing import Any, Self

from pydantic import Field, ValidationError

from .model import Model
from .spec import ImageBatchSpec
from .status import ImageBatchStatus


class BatchRecord(Model):
    """Metadata and status of an ImageBatch. They can be read even if its spec has values that this
    release does not know."""

    namespace: str
    name: str
    uid: str
    generation: int = 1
    resource_version: str = ""
    creation_timestamp: datetime
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    status: ImageBatchStatus = ImageBatchStatus()

    @classmethod
    def from_object(cls, body: Mapping[str, Any]) -> Self:
        """Read the API server's JSON.

        Raises:
            ValidationError: this release cannot read the object.
        """
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
            status=ImageBatchStatus.model_validate(body.get("status") or {}),
            **cls._spec_of(body),
        )

    @classmethod
    def _spec_of(cls, body: Mapping[str, Any]) -> dict[str, Any]:
        return {}


class ImageBatch(BatchRecord):
    """The resource as read from the API server.

    ``unknown_fields`` are the fields of the spec that this release does not know: their paths, as
    ``spec.output.effort``, and values. A newer CRD accepts such fields.
    """

    spec: ImageBatchSpec
    unknown_fields: Mapping[str, Any] = Field(default_factory=dict)

    @classmethod
    def _spec_of(cls, body: Mapping[str, Any]) -> dict[str, Any]:
        spec, unknown = _read_spec(body["spec"])
        return {"spec": spec, "unknown_fields": unknown}


def spec_problem(error: ValidationError) -> str:
    """Return path and message of a spec's first problem; not the value, which may be a secret."""
    first = error.errors(include_input=False, include_url=False)[0]
    return f"{_path(first['loc'])} ({first['msg'].lower()})"


def _read_spec(data: Mapping[str, Any]) -> tuple[ImageBatchSpec, dict[str, Any]]:
    """Parse a spec; return it, and the fields that this release does not know by their paths."""
    try:
        return ImageBatchSpec.model_validate(data), {}
    except ValidationError as error:
        places = [one["loc"] for one in error.errors() if one["type"] == "extra_forbidden"]
        if not places:
            raise
    known, unknown = deepcopy(dict(data)), {}
    for place in places:
        node: Any = known
        for step in place[:-1]:
            node = node[step]
        unknown[_path(place)] = node.pop(place[-1])
    return ImageBatchSpec.model_validate(known), unknown


def _path(place: tuple[int | str, ...]) -> str:
    """Return the path of a field, as ``spec.runner.tolerations[0].weight``."""
    text = "spec"
    for step in place:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text
