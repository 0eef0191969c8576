"""What an older CRD would drop or refuse, and which defaults a newer one fills in."""

from __future__ import annotations

import copy
from enum import StrEnum
from typing import Any

import pytest

from imagebatch_core.crd import custom_resource_definition
from imagebatch_core.errors import ConfigurationRefused
from imagebatch_core.names import API_VERSION, KIND
from imagebatch_core.reasons import ConditionType, Phase, Reason
from imagebatch_operator.cluster.served_schema import (
    OWN_SCHEMA,
    ServedSchema,
    default_at,
    dropped,
    refusals,
)
from unit.operator.fakecluster import FakeCluster

OWN: dict[str, Any] = custom_resource_definition()["spec"]["versions"][0]["schema"][
    "openAPIV3Schema"
]
CONDITIONS = ("properties", "status", "properties", "conditions", "items", "properties")


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


def with_enum(words: list[str], *path: str) -> dict[str, Any]:
    """Our own schema with a list of words at the path, as the first release served it."""
    schema = copy.deepcopy(OWN)
    node = schema
    for part in path:
        node = node[part]
    del node["pattern"]
    node["enum"] = words
    return schema


def test_the_crd_of_this_release_takes_every_word_of_it() -> None:
    assert list(refusals(OWN_SCHEMA, OWN)) == []


@pytest.mark.parametrize(
    ("words", "path", "told"),
    [
        (Reason, (*CONDITIONS, "reason"), "status.conditions[].reason: SecretNotFound"),
        (ConditionType, (*CONDITIONS, "type"), "status.conditions[].type: WebhookDelivered"),
        (Phase, ("properties", "status", "properties", "phase"), "status.phase: Cancelled"),
    ],
)
def test_a_word_that_an_older_list_does_not_have_is_named(
    words: type[StrEnum], path: tuple[str, ...], told: str
) -> None:
    every = [word.value for word in words]
    assert list(refusals(OWN_SCHEMA, with_enum(every, *path))) == []
    assert list(refusals(OWN_SCHEMA, with_enum(every[:-1], *path))) == [told]


def test_narrower_bounds_types_and_patterns_are_named() -> None:
    own = {"type": "string", "maxLength": 9, "examples": ["Queued"]}
    assert list(refusals(own, {"type": "string", "maxLength": 9}, "a")) == []
    assert list(refusals(own, {"type": "string", "maxLength": 8}, "a")) == ["a: maxLength above 8"]
    assert list(refusals(own, {"type": "integer"}, "a")) == ["a: string instead of integer"]
    assert list(refusals(own, {"type": "string", "pattern": "^P"}, "a")) == ["a: Queued"]


def publish(cluster: FakeCluster, schema: dict[str, Any]) -> None:
    served = {**schema, "x-kubernetes-group-version-kind": [{"kind": KIND}]}
    document = {"metadata": {}, "components": {"schemas": {"ImageBatch": served}}}
    cluster.add(f"/openapi/v3/apis/{API_VERSION}", document)


async def test_an_older_crd_is_refused_with_what_it_drops_and_what_it_refuses() -> None:
    cluster = FakeCluster()
    older_list = with_enum([word.value for word in Reason][:-1], *CONDITIONS, "reason")
    del older_list["properties"]["status"]["properties"]["reuse"]
    publish(cluster, older_list)
    with pytest.raises(ConfigurationRefused) as refused:
        await ServedSchema(cluster).check(patience=0)
    text = str(refused.value)
    assert "would drop status.reuse and would refuse status.conditions[].reason:" in text
    assert "deploy/crds/imagebatches.yaml" in text
    publish(cluster, OWN)
    await ServedSchema(cluster).check(patience=0)


def test_a_default_is_found_by_its_path_with_those_of_its_fields() -> None:
    item = {"properties": {"weight": {"default": 3}}}
    schema = {
        "properties": {
            "spec": {
                "properties": {
                    "list": {"items": item},
                    "whole": {"default": {}, "properties": {"a": {"default": 1}, "b": {}}},
                }
            }
        }
    }
    assert default_at(schema, "spec.list[0].weight") == 3
    assert default_at(schema, "spec.whole") == {"a": 1}
    assert default_at(schema, "spec.other.more") is None
