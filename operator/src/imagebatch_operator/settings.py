"""The operator's settings, each from one environment variable ``IMAGEBATCH_<FIELD>``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from imagebatch_core.ceilings import CEILINGS_HELP, NO_CEILINGS, Ceilings, CeilingsJson
from imagebatch_core.egress_rules import EgressSettings
from imagebatch_core.environment import (
    Count,
    LogFormat,
    LogLevel,
    Namespace,
    Port,
    Seconds,
    WhenUnset,
    parse_json,
)
from imagebatch_core.keys import key_problem
from imagebatch_core.model import Name
from imagebatch_core.runner_pods import Quantity
from imagebatch_core.source import HttpUrl
from imagebatch_operator.policies.runner_overrides import NO_OVERRIDES, Overrides

#: Fields of a pod's spec that say where it runs.
PLACEMENT: Final = (
    "affinity", "nodeSelector", "priorityClassName", "tolerations", "topologySpreadConstraints",
)  # fmt: skip

Quantities = dict[str, str | int | float]
Resources = dict[Literal["requests", "limits"], Quantities]

#: With a memory limit, because a runner derives from it how much memory to use.
DEFAULT_RESOURCES: Final[Resources] = {
    "requests": {"cpu": "250m", "memory": "256Mi"},
    "limits": {"memory": "2Gi"},
}


def _split(value: object) -> object:
    """Split comma-separated text."""
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _check_source_prefix(value: str) -> str:
    """Return a key prefix unchanged. Raises ValueError if no valid key can begin with it."""
    if (problem := key_problem(value.removesuffix("/"))) is not None:
        raise ValueError(f"{value!r}: {problem}; a prefix is of the form feeds/shop")
    return value


def _only_placement(value: dict[str, Any]) -> dict[str, Any]:
    """Return the placement unchanged. Raises ValueError for any other field of a pod's spec: the
    settings must not change a pod's security."""
    if other := sorted(set(value) - set(PLACEMENT)):
        raise ValueError(f"{', '.join(other)}: only {', '.join(PLACEMENT)} may be set")
    return value


Json = BeforeValidator(parse_json)
Names = Annotated[tuple[Name, ...], BeforeValidator(_split)]
SourcePrefix = Annotated[str, AfterValidator(_check_source_prefix)]
Namespaces = Annotated[tuple[Namespace, ...], BeforeValidator(_split)]


class Settings(EgressSettings):
    """The settings of the operator. Only ``runner_image`` has no default."""

    runner_image: str = Field(min_length=1, description="Image of the runner's pods.")
    runner_pull_policy: Literal["Always", "IfNotPresent", "Never"] = Field(
        "IfNotPresent", description="Pull policy of the runner image."
    )
    runner_pull_secrets: Names = Field(
        (),
        description="Comma-separated names of the Secrets with which nodes pull the runner image.",
    )
    runner_resources: Annotated[
        Resources,
        AfterValidator(lambda resources: resources or DEFAULT_RESOURCES),
        Json,
    ] = Field(DEFAULT_RESOURCES, description="Resources of each runner pod, as JSON.")
    runner_placement: Annotated[dict[str, Any], AfterValidator(_only_placement), Json] = Field(
        {}, description=f"Placement of the runner pods ({', '.join(PLACEMENT)}), as JSON."
    )
    runner_pod_annotations: Annotated[dict[str, str], Json] = Field(
        {}, description="Annotations of the runner pods, as JSON."
    )
    runner_scratch_size: Quantity = Field(
        "20Gi",
        description="Largest size of a runner pod's /tmp. A pod that writes more is evicted.",
    )
    runner_scratch_request: Quantity | None = Field(
        None, description="Scratch space that a node must have free for a runner pod."
    )
    runner_runtime_class: Name | None = Field(
        None, description="RuntimeClass of the runner pods, as gvisor or kata."
    )
    runner_host_users: bool | None = Field(
        None,
        description="false: runner pods run in a user namespace of their own. Not set: the "
        "cluster's default.",
    )
    runner_overrides: Annotated[Overrides, Json] = Field(
        NO_OVERRIDES,
        description="JSON of what spec.runner of a batch may set: resources (caps), nodeSelector, "
        "tolerations, priorityClassNames, podLabels and podAnnotations (lists).",
    )
    fetch_credentials_secret: Name | None = Field(
        None,
        description="Name of the Secret of request headers in each batch namespace, which the "
        "pods of plan and compress mount. The operator does not read it.",
    )
    namespaces: Annotated[Namespaces, WhenUnset("all")] = Field(
        (), description="Comma-separated namespaces whose batches are watched."
    )
    lease_namespace: Namespace | None = Field(
        None,
        description="Namespace of the Lease for leader election. Not set: no leader is elected.",
    )
    signing_secret_file: Path | None = Field(
        None, description="File of the secrets that sign webhooks, one whsec_… per line."
    )
    signing_namespace: Annotated[Namespace | None, WhenUnset("all")] = Field(
        None,
        description="Namespace whose webhooks are signed with signing_secret_file. Webhooks of "
        "other namespaces are signed with the Secret imagebatch-webhook there.",
    )
    gateway_url: Annotated[HttpUrl | None, AfterValidator(lambda url: url and url.rstrip("/"))] = (
        Field(None, description="Public URL of the gateway, for downloadUrl in webhooks.")
    )
    gateway_namespace: Namespace | None = Field(
        None,
        description="Namespace whose batches the gateway serves. Webhooks of other namespaces "
        "have no downloadUrl.",
    )
    source_prefixes: Annotated[dict[Namespace, list[SourcePrefix]], Json] = Field(
        {},
        description="Key prefixes that batches may read besides their uploads, as JSON of "
        "namespace to list of prefixes. A prefix covers whole parts of a key: shop does not cover "
        "shopping/a.csv.",
    )
    ceilings: CeilingsJson = Field(NO_CEILINGS, description=CEILINGS_HELP)
    running_batches: Annotated[Count | None, WhenUnset("any number")] = Field(
        None,
        description="Batches that run at once; further ones wait for their turn. Protects the "
        "cluster. Those in a queue of Kueue's do not count.",
    )
    running_batches_per_namespace: Annotated[Count | None, WhenUnset("any number")] = Field(
        None, description="Of these, batches of one namespace."
    )
    default_ttl_seconds: Annotated[int, Field(ge=0)] | None = Field(
        None,
        description="Seconds after which an ended batch is deleted that has no "
        "ttlSecondsAfterFinished; none that Argo CD or Flux manages.",
    )
    ended_batches_per_namespace: Annotated[Count | None, WhenUnset("all")] = Field(
        None,
        description="Ended batches that are kept in a namespace; the oldest are deleted, but none "
        "that Argo CD or Flux manages.",
    )
    workers: Annotated[Count, Field(le=100)] = Field(
        8,
        description="Number of batches that are reconciled at the same time. Protects the API "
        "server.",
    )
    resync_seconds: Seconds = Field(
        300,
        description="Time between two lists of all batches and Jobs, which find changes that a "
        "watch missed.",
    )
    health_port: Port = Field(8080, description="Port on which the operator serves /healthz.")
    metrics_port: Port | None = Field(
        None, description="Port of /metrics; without it no metrics are served."
    )
    log_level: LogLevel = Field("info", description="Least severe level that is logged.")
    log_format: LogFormat = Field(
        "json", description="Format of the log: one JSON object per line, or text for people."
    )

    def narrowed(self, ceilings: Ceilings) -> Settings:
        """Return these settings, with ceilings that are no higher than the given ones."""
        return self.model_copy(update={"ceilings": self.ceilings.narrowed(ceilings)})

    def download_url(self, namespace: str, name: str) -> str | None:
        """Return the gateway's address of a batch's report; ``None`` if the gateway has none."""
        if self.gateway_url is None or namespace != self.gateway_namespace:
            return None
        return f"{self.gateway_url}/api/download/{name}"
