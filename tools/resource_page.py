"""The page docs/reference/resource.md: fields, phases, conditions and reasons of an ImageBatch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from markdown_table import table

from imagebatch_core import names
from imagebatch_core.condition_reasons import SHOWN
from imagebatch_core.crd import custom_resource_definition
from imagebatch_core.reasons import ConditionType, Phase, Reason
from imagebatch_core.spec import MUTABLE_FIELDS

Schema = Mapping[str, Any]

HEAD: Final = f"""\
# The resource ImageBatch

Written by `make generate` from the models that the CRD is generated from: do not edit.

`{names.API_VERSION}`, kind `{names.KIND}`, short name `{names.SHORT_NAME}`.
`kubectl explain imagebatch.spec --recursive` lists the fields as well.
[examples](../../examples/README.md) has a manifest for each verb,
[operator.md](../operator.md) the life of a batch.
"""
SPEC: Final = """
## spec

A field that is unknown or wrong, and a change of one that may not change, is refused when it is
applied. `[]` stands for an item of a list.

"""
RULES: Final = """
The API server also checks these rules:

"""
STATUS: Final = """
## status

Written by the operator alone. A newer release may add fields.

"""
PHASES: Final = """
## Phases

`status.phase` is a summary for people; programs read the conditions.

"""
CONDITIONS: Final = """
## Conditions

Each has a reason, a message and the generation of the spec to which it refers. A newer release may
add conditions and reasons. [gitops.md](../gitops.md) tells what `kubectl wait`, Flux and Argo CD
make of them.

"""
REASONS: Final = """
## Reasons

"""
_VALIDATIONS: Final = "x-kubernetes-validations"


def resource_page() -> str:
    """Return the text of the page."""
    [version] = custom_resource_definition()["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    spec, status = (schema["properties"][name] for name in ("spec", "status"))
    rules = [f"- `{path}`: {text}" for path, text in _rules("spec", spec)]
    return "".join(
        (
            HEAD,
            SPEC,
            table(("Field", "Type", "Default", "Allowed", "May change", "Meaning"), _spec(schema)),
            RULES,
            "\n".join(rules) + "\n",
            STATUS,
            table(("Field", "Type", "Meaning"), _status(status)),
            PHASES,
            table(("Phase", "Meaning"), ((f"`{one}`", one.meaning) for one in Phase)),
            CONDITIONS,
            table(("Condition", "Meaning", "Status", "Reasons"), _conditions()),
            REASONS,
            table(("Reason", "Meaning"), ((f"`{one}`", one.meaning) for one in Reason)),
        )
    )


def _spec(schema: Schema) -> Iterator[tuple[str, ...]]:
    changes = {
        rule["fieldPath"].removeprefix(".spec").strip("."): rule["message"]
        for node in (schema, schema["properties"]["spec"])
        for rule in node[_VALIDATIONS]
        if "fieldPath" in rule
    }
    for path, node, required in _fields("", schema["properties"]["spec"]):
        top = path.partition(".")[0].removesuffix("[]")
        may = changes.get(top, "yes") if top in MUTABLE_FIELDS else "no"
        default = "required" if required else _default(node)
        meaning = node.get("description", "")
        yield f"`{path}`", _type(node), default, _allowed(node), may, meaning


def _status(schema: Schema) -> Iterator[tuple[str, ...]]:
    for path, node, _ in _fields("", schema):
        yield f"`{path}`", _type(node), node.get("description", "")


def _fields(path: str, schema: Schema) -> Iterator[tuple[str, Schema, bool]]:
    """Yield path and schema of all fields below one, and whether its parent requires the field."""
    for name, node in schema.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        yield here, node, name in schema.get("required", ())
        yield from _fields(here, node)
        if "properties" in node.get("items", {}):
            yield from _fields(f"{here}[]", node["items"])


def _type(node: Schema) -> str:
    kind = str(node["type"])
    if kind == "array":
        return f"list of {_type(node['items'])}s"
    if "additionalProperties" in node:
        return f"map of {_type(node['additionalProperties'])}s"
    return "time" if node.get("format") == "date-time" else kind


def _default(node: Schema) -> str:
    default = node.get("default")
    if default is None or default == {}:
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _allowed(node: Schema) -> str:
    """Return which values a field accepts; of a list or map, the values of its items."""
    parts = []
    for key, noun in (("Items", "items"), ("Properties", "keys")):
        if f"max{key}" in node:
            parts.append(f"{node.get(f'min{key}', 0)} to {node[f'max{key}']} {noun}")
    item = node.get("items") or node.get("additionalProperties") or node
    if "enum" in item:
        parts.append(", ".join(f"`{value}`" for value in item["enum"]))
    if "maximum" in item:
        parts.append(f"{item['minimum']} to {item['maximum']}")
    elif "minimum" in item:
        parts.append(f"{item['minimum']} or more")
    if "maxLength" in item:
        parts.append(f"{item.get('minLength', 0)} to {item['maxLength']} characters")
    if "pattern" in item:
        parts.append(f"`{item['pattern']}`")
    return ", ".join(parts)


def _rules(path: str, node: Schema) -> Iterator[tuple[str, str]]:
    """Yield the rules of a field and those below it, but for those about changes."""
    for rule in node.get(_VALIDATIONS, ()):
        if "oldSelf" not in rule["rule"]:
            yield path, rule["message"]
    for name, child in node.get("properties", {}).items():
        yield from _rules(f"{path}.{name}", child)


def _conditions() -> Iterator[tuple[str, ...]]:
    for kind in ConditionType:
        for place, (status, reasons) in enumerate(SHOWN[kind].items()):
            words = ", ".join(f"`{reason}`" for reason in reasons)
            yield (
                (f"`{kind}`", kind.meaning, status, words) if not place else ("", "", status, words)
            )
