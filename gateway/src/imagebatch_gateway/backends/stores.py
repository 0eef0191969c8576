"""The bucket, opened with the key pair of each namespace: the key of an object tells which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from imagebatch_core.errors import ConfigurationRefused
from imagebatch_core.keys import batch_namespace
from imagebatch_core.names import KEY_PAIR
from imagebatch_core.store import ObjectStore, endpoint_of, open_store, region_of
from imagebatch_gateway.settings import Settings

from .presigned import Bucket, KeyPair, presigned_url

#: How long a failed request to the store is retried. It is short because a caller is waiting.
_RETRIES: Final = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Redirects:
    """Presigned URLs for callers: where they reach the bucket, and the key pairs that sign.

    ``others`` has the key pair of each further namespace that has one of its own.
    """

    bucket: Bucket
    seconds: int
    home: KeyPair
    others: Mapping[str, KeyPair] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stores:
    """The store of the gateway's own key pair, and those of further namespaces.

    ``namespace`` is the gateway's own, ``prefix`` is that of the store's URL. A wrong choice opens
    nothing: the store refuses a key pair outside of its namespace.
    """

    home: ObjectStore
    others: Mapping[str, ObjectStore] = field(default_factory=dict)
    namespace: str = ""
    prefix: str = ""
    redirects: Redirects | None = None

    def of(self, key: str) -> ObjectStore:
        """Return the store to reach a key with, or what lies below a prefix."""
        return self.others.get(self._owner(key), self.home)

    def signed_url(
        self, key: str, method: str, headers: Mapping[str, str], now: datetime | None = None
    ) -> str | None:
        """Return a presigned URL with which a caller reaches an object; ``None`` if callers are not
        redirected. The store sends those of ``headers`` that say type, name and caching.
        """
        if self.redirects is None:
            return None
        return presigned_url(
            self.redirects.bucket,
            key,
            self.redirects.others.get(self._owner(key), self.redirects.home),
            method=method,
            seconds=self.redirects.seconds,
            now=now or datetime.now(UTC),
            headers=headers,
        )

    def _owner(self, key: str) -> str:
        """Return the namespace that a key belongs to; another text if there is none."""
        below = key.removeprefix(self.prefix).partition("/")[0]
        if below in (self.namespace, *self.others):
            return below
        # A batch that was made under an earlier prefix.
        return batch_namespace(key) or ""


def open_stores(settings: Settings, env: Mapping[str, str]) -> Stores:
    """Open the bucket for the gateway, and for each further namespace that has a key pair.

    A namespace without a folder in ``settings.gateway_s3_keys`` is reached with the gateway's own
    key pair, which is in ``env``.

    Raises:
        ConfigurationRefused: the URL is of no supported kind, or half of a key pair is missing.
    """
    others, pairs, keys = {}, {}, settings.gateway_s3_keys
    for namespace in settings.gateway_namespaces:
        folder = keys / namespace if keys is not None else None
        if folder is not None and folder.is_dir():
            pair = {name: _half(folder / name) for name in KEY_PAIR}
            pairs[namespace] = KeyPair(*pair.values())
            own = {**env, **pair, "AWS_SESSION_TOKEN": ""}
            others[namespace] = open_store(settings.store, own, retry_timeout=_RETRIES)
    home = open_store(settings.store, env, retry_timeout=_RETRIES)
    redirects = _redirects(settings, env, pairs) if settings.files_redirect else None
    return Stores(home, others, settings.namespace, settings.prefix, redirects)


def _redirects(
    settings: Settings, env: Mapping[str, str], others: Mapping[str, KeyPair]
) -> Redirects:
    pair = [env.get(name, "") for name in KEY_PAIR]
    parts = urlsplit(settings.store)
    if parts.scheme != "s3" or not all(pair):
        raise ConfigurationRefused(
            "IMAGEBATCH_FILES_REDIRECT needs a bucket in S3 and its key pair "
            f"({' and '.join(KEY_PAIR)}): the rights of a service account cannot sign URLs"
        )
    endpoint = settings.files_redirect_endpoint or endpoint_of(env)
    return Redirects(
        Bucket(parts.netloc, region_of(env), endpoint),
        settings.files_redirect_seconds,
        KeyPair(pair[0], pair[1], env.get("AWS_SESSION_TOKEN") or None),
        others,
    )


def _half(path: Path) -> str:
    try:
        text = path.read_text().strip()
    except OSError as error:
        raise ConfigurationRefused(f"{path} cannot be read: {error}") from error
    if not text:
        raise ConfigurationRefused(f"{path} is empty: it is half of a namespace's S3 key pair")
    return text
