"""Open the object store of a component: ``s3://bucket/prefix`` or ``file:///folder``.

S3 settings come from the usual AWS variables (``AWS_ENDPOINT_URL``, ``AWS_REGION``,
``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``). An http endpoint implies ``AWS_ALLOW_HTTP``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from obstore.store import LocalStore, MemoryStore, ObjectStore, S3Store

from .errors import ConfigurationRefused
from .names import ENV_STORE, KEY_PAIR, KEY_PAIR_HINT

if TYPE_CHECKING:
    from obstore.store import S3Config, S3Credential

__all__ = ["ObjectStore", "endpoint_of", "open_store", "region_of"]


def open_store(
    url: str, env: Mapping[str, str], *, retry_timeout: timedelta = timedelta(seconds=90)
) -> ObjectStore:
    """Open the bucket or folder that a URL names.

    Keys are relative to the bucket, so they include the URL's prefix
    (:func:`imagebatch_core.keys.store_prefix`). ``retry_timeout`` is the longest time for which one
    request is repeated while the store fails.

    Raises:
        ConfigurationRefused: the URL is of no supported kind, or half of the key pair is missing.
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        folder = Path(unquote(parts.path))
        folder.mkdir(parents=True, exist_ok=True)
        return LocalStore(folder)
    if parts.scheme == "memory":
        return MemoryStore()
    if parts.scheme != "s3" or not parts.netloc:
        raise ConfigurationRefused(
            f"{ENV_STORE}={url!r}: it must be of the form s3://bucket[/prefix] or file:///folder"
        )
    endpoint = endpoint_of(env)
    config: S3Config = {
        "region": region_of(env),
        "virtual_hosted_style_request": endpoint is None,
    }
    if endpoint:
        config["endpoint"] = endpoint
    keys = _key_pair(env)
    if keys is not None:
        config["skip_signature"] = False
    return S3Store(
        parts.netloc,
        config=config,
        # In `config` the keys would be completed from the process's own AWS_* variables: a session
        # token of ours would go to the endpoint of another bucket.
        credential_provider=None if keys is None else lambda: keys,
        client_options={
            "allow_http": bool(endpoint and endpoint.startswith("http://")),
            "timeout": timedelta(seconds=120),
            "connect_timeout": timedelta(seconds=5),
        },
        retry_config={
            "max_retries": 10_000,  # retry_timeout is the limit
            "retry_timeout": retry_timeout,
            "backoff": {
                "base": 2,
                "init_backoff": timedelta(milliseconds=100),
                "max_backoff": timedelta(seconds=5),
            },
        },
    )


def _key_pair(env: Mapping[str, str]) -> S3Credential | None:
    """Return the key pair in ``env``; ``None`` if it has none and obstore must find credentials
    itself, such as those of a pod's role.

    Raises:
        ConfigurationRefused: only one half of the pair is set.
    """
    access_key, secret_key = (env.get(name) for name in KEY_PAIR)
    if access_key and secret_key:
        return {
            "access_key_id": access_key,
            "secret_access_key": secret_key,
            "token": env.get("AWS_SESSION_TOKEN") or None,
            "expires_at": None,
        }
    if access_key or secret_key:
        there, missing = KEY_PAIR if access_key else reversed(KEY_PAIR)
        raise ConfigurationRefused(
            f"{missing} is not set beside {there}: a key pair has both ({KEY_PAIR_HINT})"
        )
    return None


def endpoint_of(env: Mapping[str, str]) -> str | None:
    """Return the address of the S3 service; ``None`` stands for AWS itself."""
    return env.get("AWS_ENDPOINT_URL") or env.get("AWS_ENDPOINT_URL_S3")


def region_of(env: Mapping[str, str]) -> str:
    return env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or "us-east-1"
