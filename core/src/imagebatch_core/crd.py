"""Generate the CustomResourceDefinition from the models of :mod:`imagebatch_core.resource`.

``python -m imagebatch_core.crd`` prints it; ``make generate`` writes ``deploy/crds/``.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Final

import yaml

from . import names
from .model import Model
from .results import ImageStatus
from .spec import MUTABLE_FIELDS, ImageBatchSpec, Output
from .status import ImageBatchStatus
from .webhook_status import PLANNED

_KEPT: Final = frozenset({
    "type", "description", "enum", "pattern", "format", "default", "minLength", "maxLength",
    "minimum", "maximum", "minItems", "maxItems", "maxProperties", "required",
})  # fmt: skip


def structural(model: type[Model], *, with_words: bool = False) -> dict[str, Any]:
    """Return a model's JSON schema as a structural schema: no references, titles, unions with null.

    ``with_words`` keeps the known words of :mod:`.words` as ``examples``, which the API server does
    not accept.
    """
    schema = model.model_json_schema(by_alias=True, mode="validation")
    definitions = schema.pop("$defs", {})
    return _node(schema, definitions, _KEPT | {"examples"} if with_words else _KEPT)


def _node(
    node: dict[str, Any], definitions: dict[str, Any], kept: frozenset[str]
) -> dict[str, Any]:
    if "$ref" in node:
        referred = definitions[node["$ref"].rpartition("/")[2]]
        node = {**referred, **{k: v for k, v in node.items() if k != "$ref"}}
        return _node(node, definitions, kept)
    if "anyOf" in node:
        # Optional fields: Kubernetes leaves out a field that is not set, and prunes null.
        (branch,) = (b for b in node["anyOf"] if b.get("type") != "null")
        rest = {k: v for k, v in node.items() if k not in ("anyOf",) and v is not None}
        return _node({**branch, **rest}, definitions, kept)
    if "const" in node:
        node = {**node, "enum": [node["const"]]}
    result = {
        key: value
        for key, value in node.items()
        if (key in kept or key.startswith("x-kubernetes-")) and value is not None
    }
    if "description" in result:
        result["description"] = " ".join(str(result["description"]).split())
    if isinstance(result.get("default"), dict):
        result["default"] = {}  # the children's own defaults fill it
    if "properties" in node:
        result["type"] = "object"
        result["properties"] = {
            name: _node(child, definitions, kept) for name, child in node["properties"].items()
        }
    if node.get("type") == "array":
        result["items"] = _node(node["items"], definitions, kept)
    if isinstance(node.get("additionalProperties"), dict):
        result["additionalProperties"] = _node(node["additionalProperties"], definitions, kept)
    return result


def _spec() -> dict[str, Any]:
    spec = structural(ImageBatchSpec)
    spec["x-kubernetes-validations"].append(_retry_rule())
    for name, field in spec["properties"].items():
        if name in MUTABLE_FIELDS:
            continue
        optional = name not in spec["required"] and "default" not in field
        rules = field.setdefault("x-kubernetes-validations", [])
        rules.append({"rule": "self == oldSelf", "message": f"{name} is immutable"})
        if optional:
            # A field's rule is not evaluated when the field is added or removed; the parent's is.
            spec["x-kubernetes-validations"].append(
                {
                    "rule": f"has(self.{name}) == has(oldSelf.{name})",
                    "message": f"{name} is immutable",
                    "fieldPath": f".{name}",
                }
            )
    return spec


def _retry_rule() -> dict[str, str]:
    """Return the rule that a retry leaves out spec.output.

    The API server has filled in the defaults by then, so an option with its default passes.
    """
    defaults = Output().model_dump(mode="json", by_alias=True)
    left_out = " && ".join(
        f"!has(self.output.{name})"
        if value is None
        else f"self.output.{name} == {json.dumps(value)}"
        for name, value in defaults.items()
    )
    return {
        "rule": f"!has(self.source.retryOf) || ({left_out})",
        "message": "output is that of the batch of retryOf: leave it out",
    }


def _webhook_rule() -> dict[str, str]:
    """Return the validation rule for changes of spec.webhook.

    It is a rule of the whole resource, because it reads the status.
    """
    delivered = "oldSelf.status.webhook.deliveredTime"
    parts = ("oldSelf.status", "oldSelf.status.webhook", delivered)
    undelivered = " || ".join(f"!has({part})" for part in parts)
    # The event of the end is still to come.
    undelivered += (
        f" || (has(oldSelf.status.webhook.event) && oldSelf.status.webhook.event == '{PLANNED}')"
    )
    same = (
        "has(self.spec.webhook) == has(oldSelf.spec.webhook) && "
        "(!has(self.spec.webhook) || self.spec.webhook == oldSelf.spec.webhook)"
    )
    return {
        "rule": f"{undelivered} || ({same})",
        "message": "webhook is immutable once its event was delivered",
        "fieldPath": ".spec.webhook",
    }


def _column(
    name: str, path: str, kind: str = "string", *, wide: bool = False, text: str = ""
) -> dict[str, Any]:
    return {
        "name": name,
        "type": kind,
        "jsonPath": path,
        **({"priority": 1} if wide else {}),
        **({"description": text} if text else {}),
    }


def custom_resource_definition() -> dict[str, Any]:
    """Return the CRD in the form that the API server accepts."""
    # The default of status marks a batch that no operator has seen yet (kstatus).
    status = structural(ImageBatchStatus)
    status["default"] = {"observedGeneration": -1}
    reason = '.status.conditions[?(@.type=="{}")].reason'
    columns = [
        _column("Phase", ".status.phase"),
        _column("Reason", reason.format("Reconciling"), text="What the batch does or waits for."),
        _column("Products", ".status.products", "integer"),
        _column("Images", ".status.images.total", "integer"),
        _column("Done", ".status.images.done", "integer"),
        *(
            _column(status.column, f".status.images.{status.value}", "integer")
            for status in ImageStatus
            if status.column
        ),
        _column("Saved", ".status.saved", text="Share of the bytes saved."),
        _column("Outcome", reason.format("Succeeded"), wide=True, text="How it ended, or why so."),
        _column("Shards", ".status.shards.total", "integer", wide=True),
        _column(
            "Per Shard", ".status.shards.images", "integer", wide=True, text="Images in each shard."
        ),
        _column("Duration", ".status.duration", wide=True),
        _column("Priority", ".spec.priority", "integer", wide=True),
        _column("Position", ".status.queuePosition", "integer", wide=True, text="In the queue."),
        _column("Queue", r".metadata.labels.kueue\.x-k8s\.io/queue-name", wide=True),
        _column("Age", ".metadata.creationTimestamp", "date"),
    ]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names.PLURAL}.{names.GROUP}"},
        "spec": {
            "group": names.GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": names.KIND,
                "listKind": f"{names.KIND}List",
                "plural": names.PLURAL,
                "singular": names.SINGULAR,
                "shortNames": [names.SHORT_NAME],
                "categories": ["all"],
            },
            "versions": [
                {
                    "name": names.VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": columns,
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "description": "A batch of images to compress.",
                            "required": ["spec"],
                            "x-kubernetes-validations": [_webhook_rule()],
                            "properties": {
                                "apiVersion": {"type": "string"},
                                "kind": {"type": "string"},
                                "metadata": {"type": "object"},
                                "spec": _spec(),
                                "status": status,
                            },
                        }
                    },
                }
            ],
        },
    }


def to_yaml() -> str:
    head = "# Generated by `make generate` from imagebatch_core.resource: do not edit.\n"
    return head + yaml.safe_dump(
        custom_resource_definition(), sort_keys=False, width=100, allow_unicode=True
    )


if __name__ == "__main__":
    sys.stdout.write(to_yaml())
