"""The gateway's settings, each from one environment variable ``IMAGEBATCH_<FIELD>``.

The object store's keys come from the ``AWS_…`` variables (:mod:`imagebatch_core.store`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from imagebatch_core.environment import (
    Count,
    EnvironmentSettings,
    LogFormat,
    LogLevel,
    Namespace,
    Port,
    WhenUnset,
)
from imagebatch_core.keys import store_prefix
from imagebatch_core.spec import HttpUrl

_SERVICE_ACCOUNT_NAMESPACE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def _own_namespace() -> str:
    """The namespace of this pod; empty outside of a cluster."""
    try:
        return _SERVICE_ACCOUNT_NAMESPACE.read_text().strip()
    except OSError:
        return ""


class Settings(EnvironmentSettings):
    """See each field's description; ``store`` alone has no default."""

    store: str = Field(
        min_length=1, description="s3://bucket[/prefix], with its keys in the AWS_… variables."
    )
    namespace: Annotated[Namespace, WhenUnset("the pod's own")] = Field(
        default_factory=_own_namespace,
        validate_default=True,
        description="Where uploads become ImageBatches, and requestIds are looked up.",
    )
    gateway_url: Annotated[
        HttpUrl | None,
        AfterValidator(lambda url: url and url.rstrip("/")),
        WhenUnset("the Host of each request"),
    ] = Field(None, description="Public address of the gateway, the base of links in answers.")
    max_upload_bytes: Count = Field(
        1024**3,
        description="Bytes of the largest CSV. Protects the volume at /tmp, where uploads are "
        "spooled.",
    )
    uploads_at_once: Count = Field(
        4,
        description="CSVs that are checked and stored at the same time. Protects the CPU that "
        "other calls need.",
    )
    gateway_host: str = Field("0.0.0.0", description="Address it listens on.")  # noqa: S104 - a pod is reached on its own address
    gateway_port: Port = Field(8080, description="Port it listens on.")
    log_level: LogLevel = Field(
        "info",
        description="Least severe level that is logged; debug has successful probes as well.",
    )
    log_format: LogFormat = Field(
        "json", description="One line an event: JSON, or text for people."
    )

    @property
    def prefix(self) -> str:
        """The prefix of all keys in the bucket of ``store``."""
        return store_prefix(self.store)
