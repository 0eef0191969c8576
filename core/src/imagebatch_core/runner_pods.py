"""Where and how the runner's pods run, as ``spec.runner`` of a batch says it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .model import Model, Name

ShortText = Annotated[str, Field(max_length=253)]


class Toleration(Model):
    """A toleration, as in a pod's spec."""

    key: ShortText | None = Field(None, description="Key of the taint; none: every taint.")
    operator: Literal["Exists", "Equal"] | None = Field(
        None, description="Exists: whatever its value; Equal, the default: of this value."
    )
    value: ShortText | None = Field(None, description="Value of the taint.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        None, description="Effect of the taint; none: every effect."
    )
    toleration_seconds: Annotated[int, Field(ge=0)] | None = Field(
        None, description="With NoExecute: how long it is tolerated; none: for ever."
    )


Quantity = Annotated[str, Field(max_length=32, pattern=r"^[0-9]+(\.[0-9]+)?([KMGTPE]i?|m|k)?$")]


class Resources(Model):
    """Resource requests and limits, as in a container's spec."""

    requests: Annotated[dict[str, Quantity], Field(max_length=8)] | None = Field(
        None, description="What the scheduler sets aside, as cpu: 500m."
    )
    limits: Annotated[dict[str, Quantity], Field(max_length=8)] | None = Field(
        None, description="What the pod may use, as memory: 2Gi."
    )


Labels = Annotated[dict[str, ShortText], Field(max_length=32)]


class Runner(Model):
    """Where and how the runner's pods run. Not supported yet: a batch that sets it is refused."""

    resources: Resources | None = Field(None, description="CPU and memory of each pod.")
    node_selector: Labels | None = Field(None, description="Labels that their nodes must have.")
    tolerations: Annotated[list[Toleration], Field(max_length=16)] | None = Field(
        None, description="Taints of nodes that they may run on all the same."
    )
    priority_class_name: Name | None = Field(None, description="Their PriorityClass.")
    pod_labels: Labels | None = Field(None, description="Further labels of the pods.")
    pod_annotations: Labels | None = Field(None, description="Further annotations of the pods.")
