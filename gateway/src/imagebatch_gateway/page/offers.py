"""The calls and fields that this gateway's API offers, from its OpenAPI document.

A page shows a control only for a call or a field that is there: it needs no list of its own of what
a release can do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Offers:
    """``calls`` are as ``POST /api/requests/{request_id}/retry``; ``upload`` the fields of an
    upload's form by their names, ``change`` those of a change of a request.
    """

    calls: frozenset[str]
    upload: Mapping[str, Mapping[str, Any]]
    change: frozenset[str]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Read an OpenAPI document."""
        paths = document["paths"]
        calls = frozenset(
            f"{method.upper()} {path}" for path, methods in paths.items() for method in methods
        )
        upload = _fields(document, paths.get("/api/upload", {}).get("post", {}))
        change = _fields(document, paths.get("/api/requests/{request_id}", {}).get("patch", {}))
        return cls(calls, upload, frozenset(change))

    def has(self, method: str, path: str) -> bool:
        """Return whether the API has a call. Names of path parameters are ignored."""
        wanted = _shape(f"{method} {path}")
        return any(_shape(known) == wanted for known in self.calls)

    def default(self, field: str) -> Any:
        """Return the default of a field of the upload form; None if it has none."""
        return self.upload.get(field, {}).get("default")


def _shape(call: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in call.split("/"))


def _fields(document: Mapping[str, Any], operation: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the properties of an operation's body, whose schema may be a reference."""
    for media in operation.get("requestBody", {}).get("content", {}).values():
        schema = media.get("schema", {})
        reference = schema.get("$ref", "").rpartition("/")[2]
        if reference:
            schema = document["components"]["schemas"][reference]
        properties: Mapping[str, Any] = schema.get("properties", {})
        return properties
    return {}
