"""Settings of the gateway, each from one environment variable ``IMAGEBATCH_<FIELD>``.

The credentials of the object store come from the ``AWS_…`` variables
(:mod:`imagebatch_core.store`).
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from imagebatch_core.ceilings import CEILINGS_HELP, NO_CEILINGS, CeilingsJson
from imagebatch_core.egress_rules import EgressSettings
from imagebatch_core.environment import (
    Count,
    LogFormat,
    LogLevel,
    Namespace,
    Port,
    WhenUnset,
)
from imagebatch_core.keys import store_prefix
from imagebatch_core.source import HttpUrl

_SERVICE_ACCOUNT_NAMESPACE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def _own_namespace() -> str:
    """Return the namespace of this pod; empty outside of a cluster."""
    try:
        return _SERVICE_ACCOUNT_NAMESPACE.read_text().strip()
    except OSError:
        return ""


Quota = Annotated[int, Field(ge=0)]
AuthMode = Literal["none", "kubernetes", "proxy"]


def _split(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip())


#: Texts with a comma between them.
Texts = Annotated[tuple[str, ...], BeforeValidator(_split)]
Namespaces = Annotated[tuple[Namespace, ...], BeforeValidator(_split)]
Network = IPv4Network | IPv6Network
Networks = Annotated[tuple[Network, ...], BeforeValidator(_split)]


class Settings(EgressSettings):
    """The settings of the gateway. Only ``store`` has no default."""

    store: str = Field(
        min_length=1,
        description="URL of the object store, s3://bucket[/prefix]. Its credentials come from the "
        "AWS_… variables.",
    )
    namespace: Annotated[Namespace, WhenUnset("the pod's own")] = Field(
        default_factory=_own_namespace,
        validate_default=True,
        description="Namespace in which uploads become ImageBatches and requestIds are looked up.",
    )
    gateway_url: Annotated[
        HttpUrl | None,
        AfterValidator(lambda url: url and url.rstrip("/")),
        WhenUnset("the Host of each request"),
    ] = Field(None, description="Public URL of the gateway, the base of links in responses.")
    max_upload_bytes: Count = Field(
        1024**3,
        description="Size of the largest upload in bytes. Protects the volume at /tmp, where "
        "uploads are spooled.",
    )
    uploads_at_once: Count = Field(
        4,
        description="Number of uploads that are checked and stored at the same time. Protects the "
        "CPU time that other calls need.",
    )
    uploads_under_way: Count = Field(
        256,
        description="Number of uploads that are received, or wait until they are checked, at the "
        "same time. Further ones get 503.",
    )
    upload_bytes_under_way: Count = Field(
        4 * 1024**3,
        description="Bytes of all uploads under way. Protects the volume at /tmp, which must be "
        "larger.",
    )
    upload_stall_seconds: Annotated[float, Field(gt=0, le=3600)] = Field(
        30,
        description="Seconds after which an upload is given up, if less than 1,000 bytes a second "
        "arrive.",
    )
    gateway_namespaces: Namespaces = Field(
        (),
        description="Comma-separated further namespaces that callers may name with ?namespace=.",
    )
    gateway_s3_keys: Path | None = Field(
        None,
        description="Folder with the S3 key pairs of further namespaces, each half in a file: "
        "<namespace>/AWS_ACCESS_KEY_ID and <namespace>/AWS_SECRET_ACCESS_KEY. A namespace that is "
        "not in it is reached with the gateway's own key pair.",
    )
    auth_mode: AuthMode = Field(
        "none",
        description="How callers sign in. none: they do not; kubernetes: with a bearer token of "
        "the cluster; proxy: at a proxy, which names the user in headers.",
    )
    auth_admins: Texts = Field(
        (),
        description="Comma-separated users, and groups as group:NAME, that may manage API keys "
        "even without the right to write Secrets.",
    )
    auth_review_seconds: Annotated[float, Field(gt=0, le=60)] = Field(
        60,
        description="Time for which a review by the API server is cached. A right that was taken "
        "away may still be used for this long.",
    )
    auth_session_keys: str | None = Field(
        None,
        repr=False,
        description="Keys for browser sessions, one per line, each of at least 32 characters. The "
        "first one encrypts, all decrypt. Not set: a session ends with the process and is valid "
        "at one replica only.",
    )
    auth_session_seconds: Annotated[int, Field(ge=60, le=30 * 86_400)] = Field(
        43_200, description="Time after which a browser must sign in again."
    )
    gateway_hosts: Texts = Field(
        (),
        description="Comma-separated further host names under which the gateway may be called, "
        "besides those of IMAGEBATCH_GATEWAY_URL and the Service.",
    )
    trusted_proxies: Networks = Field(
        (),
        description="Comma-separated addresses and CIDRs of proxies whose headers "
        "X-Forwarded-For, -Proto and -Host are trusted.",
    )
    uploads_per_minute: Quota = Field(
        600, description="Calls that write, of one caller at one replica in a minute; 0: no limit."
    )
    upload_bytes_per_minute: Quota = Field(
        10 * 1024**3,
        description="Bytes that one caller sends to one replica in a minute; 0: no limit.",
    )
    reads_per_minute: Quota = Field(
        6000, description="Calls that read, of one caller at one replica in a minute; 0: no limit."
    )
    event_streams: Count = Field(
        500,
        description="Streams of server-sent events that are open at one replica at the same time. "
        "Further ones get 503. Each reads its request every 2 s.",
    )
    event_streams_per_caller: Count = Field(
        100, description="Of these, the streams of one caller. Further ones get 429."
    )
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = Field(
        9090, description="Port of the metrics for Prometheus; 0: none are served."
    )
    auth_images: bool = Field(
        False,
        description="Whether /files requires the right to read requests of the image's namespace. "
        "Otherwise anybody who knows the URL of an output can read it.",
    )
    files_redirect: bool = Field(
        False,
        description="Whether downloads and /files respond with a redirect to a presigned URL of "
        "the object store, which then sends the content. Needs a key pair.",
    )
    files_redirect_endpoint: Annotated[HttpUrl | None, WhenUnset("AWS_ENDPOINT_URL")] = Field(
        None, description="Address of the object store for callers, the base of presigned URLs."
    )
    files_redirect_seconds: Annotated[int, Field(ge=1, le=604_800)] = Field(
        300, description="Time for which a presigned URL is valid."
    )
    auth_proxy_secret: str | None = Field(
        None,
        repr=False,
        description="Secret of at least 16 characters that the proxy must send as "
        "X-ImageBatch-Proxy-Secret, for auth_mode proxy.",
    )
    auth_proxy_user_header: str = Field(
        "X-Forwarded-User", description="Name of the header with the user, for auth_mode proxy."
    )
    auth_proxy_groups_header: str = Field(
        "X-Forwarded-Groups",
        description="Name of the header with the user's groups, comma-separated, for auth_mode "
        "proxy.",
    )
    ceilings: CeilingsJson = Field(NO_CEILINGS, description=CEILINGS_HELP)
    gateway_host: str = Field("0.0.0.0", description="IP address on which the gateway listens.")  # noqa: S104 - a pod is reached on its own address
    gateway_port: Port = Field(8080, description="Port on which the gateway listens.")
    log_level: LogLevel = Field(
        "info",
        description="Least severe level that is logged. At debug, successful probes are logged "
        "too.",
    )
    log_format: LogFormat = Field(
        "json", description="Format of the log: one JSON object per line, or text for people."
    )

    @property
    def prefix(self) -> str:
        """Return the prefix of all keys in the bucket: the path of the URL ``store``."""
        return store_prefix(self.store)
