"""The gateway's settings, each from one environment variable.

The object store's address and keys are read by :func:`imagebatch_core.store.open_store` from
``IMAGEBATCH_STORE`` and the ``AWS_…`` variables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from imagebatch_core import names
from imagebatch_core.errors import ConfigurationRefused

_SERVICE_ACCOUNT_NAMESPACE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")

ENV_NAMESPACE: Final = "IMAGEBATCH_NAMESPACE"
ENV_GATEWAY_URL: Final = "IMAGEBATCH_GATEWAY_URL"
ENV_MAX_UPLOAD_BYTES: Final = "IMAGEBATCH_MAX_UPLOAD_BYTES"
ENV_UPLOADS_AT_ONCE: Final = "IMAGEBATCH_UPLOADS_AT_ONCE"
ENV_HOST: Final = "IMAGEBATCH_GATEWAY_HOST"
ENV_PORT: Final = "IMAGEBATCH_GATEWAY_PORT"


@dataclass(frozen=True)
class Settings:
    """``namespace`` and ``store_url`` have no sensible default; everything else has.

    namespace
        Home namespace: uploads become ImageBatches there and requestIds are looked up there.
    gateway_url
        The gateway's public address, for absolute links in answers; ``None``: taken from each
        request's Host header. Without a slash at its end.
    max_upload_bytes
        Largest CSV, in bytes. Protects the pod's scratch volume, on which uploads are spooled.
    uploads_at_once
        CSVs checked and stored at the same time. Protects the CPU that other calls need.
    """

    namespace: str
    store_url: str
    gateway_url: str | None = None
    max_upload_bytes: int = 1024**3
    uploads_at_once: int = 4
    host: str = "0.0.0.0"  # noqa: S104 - a pod is reached on its own address
    port: int = 8080

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Raises ConfigurationRefused, naming the variable."""
        return cls(
            namespace=env.get(ENV_NAMESPACE) or _own_namespace(),
            store_url=_required(env, names.ENV_STORE),
            gateway_url=env.get(ENV_GATEWAY_URL, "").rstrip("/") or None,
            max_upload_bytes=_positive(env, ENV_MAX_UPLOAD_BYTES, cls.max_upload_bytes),
            uploads_at_once=_positive(env, ENV_UPLOADS_AT_ONCE, cls.uploads_at_once),
            host=env.get(ENV_HOST) or cls.host,
            port=_positive(env, ENV_PORT, cls.port),
        )


def _own_namespace() -> str:
    try:
        return _SERVICE_ACCOUNT_NAMESPACE.read_text().strip()
    except OSError as error:
        raise ConfigurationRefused(
            f"{ENV_NAMESPACE} is not set: the namespace in which uploads become ImageBatches"
        ) from error


def _required(env: Mapping[str, str], name: str) -> str:
    value = env.get(name)
    if not value:
        raise ConfigurationRefused(f"{name} is not set")
    return value


def _positive(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name)
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise ConfigurationRefused(f"{name} must be a whole number above zero, not {text!r}")
    return int(text)
