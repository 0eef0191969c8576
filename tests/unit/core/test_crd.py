"""Claims about the generated CRD that the API server would not check for us."""

from __future__ import annotations

from typing import Any

from imagebatch_core.crd import custom_resource_definition
from imagebatch_core.spec import MUTABLE_FIELDS


def _schema() -> dict[str, Any]:
    version = custom_resource_definition()["spec"]["versions"][0]
    schema: dict[str, Any] = version["schema"]["openAPIV3Schema"]
    return schema


def _nodes(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, dict):
        return [node, *(found for child in node.values() for found in _nodes(child))]
    return [found for child in node for found in _nodes(child)] if isinstance(node, list) else []


def test_the_schema_is_structural() -> None:
    for node in _nodes(_schema()):
        assert not {"$ref", "anyOf", "$defs"} & set(node)


def test_everything_but_the_named_fields_is_immutable() -> None:
    spec = _schema()["properties"]["spec"]
    for name, field in spec["properties"].items():
        messages = [rule["message"] for rule in field.get("x-kubernetes-validations", [])]
        assert (f"{name} is immutable" in messages) is (name not in MUTABLE_FIELDS)


def _undescribed(node: dict[str, Any], path: str) -> list[str]:
    children = {**node.get("properties", {}), **node.get("items", {}).get("properties", {})}
    below = [
        one for name, child in children.items() for one in _undescribed(child, f"{path}.{name}")
    ]
    return below if node.get("description") else [path, *below]


def test_kubectl_explain_describes_every_field() -> None:
    fields = _schema()["properties"]
    assert _undescribed(fields["spec"], "spec") == []
    assert _undescribed(fields["status"], "status") == []


def test_a_new_batch_is_not_current_to_kstatus() -> None:
    assert _schema()["properties"]["status"]["default"] == {"observedGeneration": -1}


def test_columns_are_those_that_people_are_promised() -> None:
    columns = custom_resource_definition()["spec"]["versions"][0]["additionalPrinterColumns"]
    shown = [c["name"] for c in columns if not c.get("priority")]
    wide = [c["name"] for c in columns if c.get("priority")]
    assert shown == ["Phase", "Reason", "Products", "Images", "Done", "Failed", "Saved", "Age"]
    assert wide == [
        "Outcome", "Shards", "Per Shard", "Duration", "Priority", "Position", "Queue",
    ]  # fmt: skip


def test_every_address_of_the_spec_is_refused_with_a_password() -> None:
    """That the API server enforces the rule is tested where one runs."""
    spec = _schema()["properties"]["spec"]["properties"]
    addresses = [
        *(spec["source"]["properties"][name] for name in ("url", "baseUrl")),
        spec["webhook"]["properties"]["url"],
    ]
    assert addresses == [node for node in _nodes(spec) if "https?" in str(node.get("pattern"))]
    for node in addresses:
        (rule,) = node["x-kubernetes-validations"]
        assert rule["rule"] == "!self.matches('^https?://[^/?#]*@')"
