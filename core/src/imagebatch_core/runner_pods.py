"""The models of ``spec.runner``: where and how the runner's pods run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .model import Model, Name

ShortText = Annotated[str, Field(max_length=253)]


class Toleration(Model):
    """A toleration, as in a pod's spec."""

    key: ShortText | None = Field(
        None, description="Key of the tolerated taint. Not set: every taint."
    )
    operator: Literal["Exists", "Equal"] | None = Field(
        None,
        description="Exists tolerates the taint with any value; Equal, the default, with "
        "`value` only.",
    )
    value: ShortText | None = Field(None, description="Value of the tolerated taint.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        None, description="Effect of the tolerated taint. Not set: every effect."
    )
    toleration_seconds: Annotated[int, Field(ge=0)] | None = Field(
        None,
        description="Seconds for which a NoExecute taint is tolerated. Not set: without limit.",
    )


Quantity = Annotated[
    str, Field(max_length=32, pattern=r"^[0-9]+(\.[0-9]+)?([KMGTPE]i|[kMGTPE]|m)?$")
]


class Resources(Model):
    """Resource requests and limits, as in a container's spec."""

    requests: Annotated[dict[str, Quantity], Field(max_length=8)] | None = Field(
        None,
        description="Resources that the scheduler reserves for the pod, for example cpu: 500m.",
    )
    limits: Annotated[dict[str, Quantity], Field(max_length=8)] | None = Field(
        None, description="Most resources that the pod may use, for example memory: 2Gi."
    )


Labels = Annotated[dict[str, ShortText], Field(max_length=32)]


class Runner(Model):
    """Where and how the runner's pods run, within what the chart allows (runner.overrides)."""

    resources: Resources | None = Field(None, description="CPU and memory of each runner pod.")
    node_selector: Labels | None = Field(
        None, description="Labels that a node must have to run the pods."
    )
    tolerations: Annotated[list[Toleration], Field(max_length=16)] | None = Field(
        None, description="Tolerations of the pods, for nodes with taints."
    )
    priority_class_name: Name | None = Field(None, description="Name of the pods' PriorityClass.")
    pod_labels: Labels | None = Field(None, description="Labels to add to the pods.")
    pod_annotations: Labels | None = Field(None, description="Annotations to add to the pods.")
