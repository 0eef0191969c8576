"""Which fields an older CRD would drop."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from imagebatch_core.crd import custom_resource_definition
from imagebatch_operator.cluster.served_schema import dropped

OWN: dict[str, Any] = custom_resource_definition()["spec"]["versions"][0]["schema"][
    "openAPIV3Schema"
]


def older(*path: str) -> dict[str, Any]:
    """Our own schema without the node at the path."""
    schema = copy.deepcopy(OWN)
    node = schema
    for part in path[:-1]:
        node = node[part]
    del node[path[-1]]
    return schema


def test_the_same_and_a_newer_schema_drop_nothing() -> None:
    assert list(dropped(OWN, OWN)) == []
    assert list(dropped(older("properties", "status", "properties", "reuse"), OWN)) == []


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("status reuse", "status.reuse"),
        ("status runs lost", "status.runs.lost"),
        ("spec reuseFrom", "spec.reuseFrom"),
        ("status", "status"),
    ],
)
def test_a_field_that_is_not_known_is_named_by_its_path(path: str, field: str) -> None:
    nodes = [part for name in path.split() for part in ("properties", name)]
    assert list(dropped(OWN, older(*nodes))) == [field]


def test_fields_of_lists_and_maps_are_looked_at() -> None:
    known = {"properties": {"a": {"type": "string"}}}
    more = {"properties": {"a": {"type": "string"}, "b": {"type": "string"}}}
    for key, path in (("items", "list[].b"), ("additionalProperties", "list.*.b")):
        own = {"properties": {"list": {key: more}}}
        assert list(dropped(own, {"properties": {"list": {key: known}}})) == [path]
        assert list(dropped(own, own)) == []


def test_what_keeps_unknown_fields_drops_none() -> None:
    assert list(dropped(OWN, {"x-kubernetes-preserve-unknown-fields": True})) == []
    assert list(dropped(OWN, {"additionalProperties": True})) == []
