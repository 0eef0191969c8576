"""Check an object against a structural schema, as the API server does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "boolean": (bool,), "integer": (int,),
    "number": (int, float),
}  # fmt: skip


def problems(value: Any, schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield what the API server would refuse, and fields that it would drop."""
    if not isinstance(value, _TYPES[schema["type"]]):
        yield f"{path}: {value!r} is no {schema['type']}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: {value!r} is none of {schema['enum']}"
    size = len(value) if isinstance(value, (str, list)) else 0
    for limit in ("maxLength", "maxItems"):
        if size > schema.get(limit, size):
            yield f"{path}: {size} is more than {limit} {schema[limit]}"
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        yield f"{path}: {value!r} does not match {schema['pattern']}"
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from problems(item, schema["items"], f"{path}[{number}]")
    if isinstance(value, dict):
        yield from _of_fields(value, schema, path)


def _of_fields(value: Mapping[str, Any], schema: Mapping[str, Any], path: str) -> Iterator[str]:
    known = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{path}.{name} is missing"
    for name, child in value.items():
        if name in known:
            yield from problems(child, known[name], f"{path}.{name}")
        elif "additionalProperties" not in schema:
            yield f"{path}.{name} is unknown"
