"""What ``spec.runner`` of a batch may set, by the chart's lists and caps, and what it then changes.

Nothing may be set unless the chart allows it: a batch chooses where pods of the release's identity
run and what they take.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field

from imagebatch_core.model import Model, Name
from imagebatch_core.runner_pods import Runner, Toleration

#: Beginnings of labels and annotations that mean something to the operator, Jobs and Kueue.
RESERVED: Final = ("imagebatch.dev/", "app.kubernetes.io/", "batch.kubernetes.io/",
                   "kueue.x-k8s.io/", "controller-uid", "job-name")  # fmt: skip
_FACTORS: Final = {
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", 1)},
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", 1)},
    "m": Decimal("1e-3"), "u": Decimal("1e-6"), "n": Decimal("1e-9"),
}  # fmt: skip

Kind = Literal["requests", "limits"]
_KINDS: Final[tuple[Kind, ...]] = ("requests", "limits")
Resources = Mapping[Kind, Mapping[str, Any]]


def amount(quantity: str | float) -> Decimal:
    """Return the value of a quantity of Kubernetes', as 0.5 for ``500m``; raises ValueError."""
    text = str(quantity)
    unit = next((unit for unit in _FACTORS if text.endswith(unit)), "")
    try:
        return Decimal(text.removesuffix(unit)) * _FACTORS.get(unit, 1)
    except InvalidOperation as error:
        raise ValueError(f"{text!r} is no quantity") from error


def _quantity(value: str | float) -> str | float:
    amount(value)
    return value


def _key_pattern(value: str) -> str:
    for reserved in RESERVED:
        known = value.removesuffix("*")
        if known.startswith(reserved) or (value != known and reserved.startswith(known)):
            raise ValueError(f"{value}: {reserved} is reserved")
    return value


Cap = Annotated[str | int | float, AfterValidator(_quantity)]
#: A key, or the beginning of keys with a ``*`` behind it.
KeyPattern = Annotated[str, Field(min_length=2), AfterValidator(_key_pattern)]


class Overrides(Model):
    """The lists and caps: what is empty allows nothing. As ``runner.overrides`` of the chart."""

    resources: dict[str, Cap] = Field(default_factory=dict)
    node_selector: dict[str, list[str]] = Field(default_factory=dict)
    tolerations: list[Toleration] = Field(default_factory=list)
    priority_class_names: list[Name] = Field(default_factory=list)
    pod_labels: list[KeyPattern] = Field(default_factory=list)
    pod_annotations: list[KeyPattern] = Field(default_factory=list)


NO_OVERRIDES: Final = Overrides()


def not_allowed(runner: Runner, allowed: Overrides, base: Resources) -> list[str]:
    """Return a sentence for each part of ``spec.runner`` that is not allowed, with what is.

    ``base`` are the resources that the release gives to runner pods.
    """
    return [
        *_resources_refused(runner, allowed, base),
        *_nodes_refused(runner, allowed),
        *_tolerations_refused(runner, allowed),
        *_priority_refused(runner, allowed),
        *_keys_refused("podLabels", runner.pod_labels, allowed.pod_labels),
        *_keys_refused("podAnnotations", runner.pod_annotations, allowed.pod_annotations),
    ]


def resources(runner: Runner | None, base: Resources) -> dict[Kind, dict[str, Any]]:
    """Return the release's resources with those of the batch over them."""
    own = runner.resources if runner is not None else None
    over = own.model_dump(exclude_none=True) if own is not None else {}
    return {
        kind: {**base.get(kind, {}), **over.get(kind, {})}
        for kind in _KINDS
        if kind in base or kind in over
    }


def placement(runner: Runner | None, base: Mapping[str, Any]) -> dict[str, Any]:
    """Return the release's placement of pods with that of the batch over it."""
    made = dict(base)
    if runner is None:
        return made
    if runner.node_selector:
        made["nodeSelector"] = {**base.get("nodeSelector", {}), **runner.node_selector}
    if runner.tolerations:
        own = [one.model_dump(by_alias=True, exclude_none=True) for one in runner.tolerations]
        made["tolerations"] = [*base.get("tolerations", []), *own]
    if runner.priority_class_name:
        made["priorityClassName"] = runner.priority_class_name
    return made


def _resources_refused(runner: Runner, allowed: Overrides, base: Resources) -> Iterator[str]:
    if runner.resources is None:
        return
    caps = ", ".join(f"{name} up to {cap}" for name, cap in allowed.resources.items())
    for kind, asked in runner.resources.model_dump(exclude_none=True).items():
        for name, quantity in asked.items():
            cap = allowed.resources.get(name)
            if cap is None or amount(quantity) > amount(cap):
                found = f"resources.{kind}.{name}: {quantity}"
                yield _sentence(found, caps, "resources")
                return
    made = resources(runner, base)
    limits = made.get("limits", {})
    for name, request in made.get("requests", {}).items():
        if name in limits and amount(request) > amount(limits[name]):
            yield (
                f"spec.runner.resources: the request {name} {request} is more than the limit "
                f"{limits[name]}; set both"
            )


def _nodes_refused(runner: Runner, allowed: Overrides) -> Iterator[str]:
    for key, value in (runner.node_selector or {}).items():
        if value not in allowed.node_selector.get(key, []):
            there = [f"{k}={v}" for k, values in allowed.node_selector.items() for v in values]
            yield _sentence(f"nodeSelector: {key}={value}", ", ".join(there), "nodeSelector")


def _tolerations_refused(runner: Runner, allowed: Overrides) -> Iterator[str]:
    for toleration in runner.tolerations or []:
        if toleration not in allowed.tolerations:
            there = ", ".join(_shown(one) for one in allowed.tolerations)
            yield _sentence(f"tolerations: {_shown(toleration)}", there, "tolerations")


def _priority_refused(runner: Runner, allowed: Overrides) -> Iterator[str]:
    name = runner.priority_class_name
    if name is not None and name not in allowed.priority_class_names:
        there = ", ".join(allowed.priority_class_names)
        yield _sentence(f"priorityClassName: {name}", there, "priorityClassNames")


def _keys_refused(
    field: str, asked: Mapping[str, str] | None, patterns: list[str]
) -> Iterator[str]:
    for key in asked or {}:
        if not any(_matches(key, pattern) for pattern in patterns):
            yield _sentence(f"{field}: {key}", ", ".join(patterns), field)


def _matches(key: str, pattern: str) -> bool:
    known = pattern.removesuffix("*")
    return key == known or (pattern != known and key.startswith(known))


def _sentence(found: str, allowed: str, value: str) -> str:
    there = f"allowed: {allowed}" if allowed else "none is allowed"
    return f"spec.runner.{found} is not allowed; {there} (runner.overrides.{value} of the chart)"


def _shown(toleration: Toleration) -> str:
    return toleration.model_dump_json(by_alias=True, exclude_none=True).replace('"', "")
