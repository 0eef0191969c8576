"""The operator's settings, all from its environment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from imagebatch_core.addresses import AllowList
from imagebatch_core.errors import ConfigurationRefused
from imagebatch_core.names import ENV_FETCH_ALLOW

#: Fields of a pod's spec that say where it runs.
PLACEMENT: Final = frozenset({
    "nodeSelector", "tolerations", "affinity", "topologySpreadConstraints", "priorityClassName",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Settings:
    """``runner_resources`` is a container's ``resources``, ``runner_placement`` holds fields of a
    pod's spec, of :data:`PLACEMENT` alone. ``source_prefixes`` maps a namespace to the key prefixes
    that its batches may read besides their uploads. ``fetch_credentials_secret`` names
    a Secret of each batch namespace, which runner pods mount and the operator never reads. The
    gateway serves the batches of ``gateway_namespace`` alone."""

    runner_image: str
    runner_pull_policy: str = "IfNotPresent"
    runner_pull_secrets: tuple[str, ...] = ()
    runner_resources: Mapping[str, Any] = field(default_factory=dict)
    runner_placement: Mapping[str, Any] = field(default_factory=dict)
    runner_annotations: Mapping[str, str] = field(default_factory=dict)
    fetch_credentials_secret: str | None = None
    namespaces: tuple[str, ...] = ()
    lease_namespace: str | None = None
    allow: AllowList = field(default_factory=AllowList)
    signing_secret_file: Path | None = None
    gateway_url: str | None = None
    gateway_namespace: str | None = None
    source_prefixes: Mapping[str, list[str]] = field(default_factory=dict)
    workers: int = 8
    resync_seconds: float = 300.0
    health_port: int = 8080

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Raises ConfigurationRefused naming the variable that is missing or wrong."""
        image = env.get("IMAGEBATCH_RUNNER_IMAGE")
        if not image:
            raise ConfigurationRefused("IMAGEBATCH_RUNNER_IMAGE names no runner image")
        secret = env.get("IMAGEBATCH_SIGNING_SECRET_FILE")
        return cls(
            runner_image=image,
            runner_pull_policy=env.get("IMAGEBATCH_RUNNER_PULL_POLICY") or "IfNotPresent",
            runner_pull_secrets=_words(env.get("IMAGEBATCH_RUNNER_PULL_SECRETS")),
            runner_resources=_json(env, "IMAGEBATCH_RUNNER_RESOURCES"),
            runner_placement=_placement(env, "IMAGEBATCH_RUNNER_PLACEMENT"),
            runner_annotations=_json(env, "IMAGEBATCH_RUNNER_POD_ANNOTATIONS"),
            fetch_credentials_secret=env.get("IMAGEBATCH_FETCH_CREDENTIALS_SECRET") or None,
            namespaces=_words(env.get("IMAGEBATCH_NAMESPACES")),
            lease_namespace=env.get("IMAGEBATCH_LEASE_NAMESPACE") or None,
            allow=AllowList.parse(env.get(ENV_FETCH_ALLOW)),
            signing_secret_file=Path(secret) if secret else None,
            gateway_url=(env.get("IMAGEBATCH_GATEWAY_URL") or "").rstrip("/") or None,
            gateway_namespace=env.get("IMAGEBATCH_GATEWAY_NAMESPACE") or None,
            source_prefixes=_json(env, "IMAGEBATCH_SOURCE_PREFIXES"),
            health_port=int(env.get("IMAGEBATCH_HEALTH_PORT") or 8080),
        )

    def download_url(self, namespace: str, name: str) -> str | None:
        """Where the gateway gives out a batch's report; ``None`` where it does not."""
        if self.gateway_url is None or namespace != self.gateway_namespace:
            return None
        return f"{self.gateway_url}/api/download/{name}"


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in (text or "").split(",") if word.strip())


def _placement(env: Mapping[str, str], name: str) -> dict[str, Any]:
    """Nothing else of a pod's spec: its security is not a matter of settings."""
    value = _json(env, name)
    if other := sorted(set(value) - PLACEMENT):
        raise ConfigurationRefused(
            f"{name}: {', '.join(other)}: only {', '.join(sorted(PLACEMENT))} may be set"
        )
    return value


def _json(env: Mapping[str, str], name: str) -> dict[str, Any]:
    try:
        value = json.loads(env.get(name) or "{}")
    except ValueError as error:
        raise ConfigurationRefused(f"{name} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ConfigurationRefused(f"{name} is not a JSON object")
    return value
