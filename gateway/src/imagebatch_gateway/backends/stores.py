"""The bucket, opened with the key pair of each namespace: the key of an object tells which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from imagebatch_core.errors import ConfigurationRefused
from imagebatch_core.keys import batch_namespace
from imagebatch_core.names import KEY_PAIR
from imagebatch_core.store import ObjectStore, open_store
from imagebatch_gateway.settings import Settings

#: How long a failed request to the store is retried. It is short because a caller is waiting.
_RETRIES: Final = timedelta(seconds=15)


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

    def of(self, key: str) -> ObjectStore:
        """Return the store to reach a key with, or what lies below a prefix."""
        below = key.removeprefix(self.prefix).partition("/")[0]
        if below in (self.namespace, *self.others):
            return self.others.get(below, self.home)
        # A batch that was made under an earlier prefix.
        return self.others.get(batch_namespace(key) or "", self.home)


def open_stores(settings: Settings, env: Mapping[str, str]) -> Stores:
    """Open the bucket for the gateway, and for each further namespace that has a key pair.

    A namespace without a folder in ``settings.gateway_s3_keys`` is reached with the gateway's own
    key pair, which is in ``env``.

    Raises:
        ConfigurationRefused: the URL is of no supported kind, or half of a key pair is missing.
    """
    others, keys = {}, settings.gateway_s3_keys
    for namespace in settings.gateway_namespaces:
        folder = keys / namespace if keys is not None else None
        if folder is not None and folder.is_dir():
            pair = {name: _half(folder / name) for name in KEY_PAIR}
            own = {**env, **pair, "AWS_SESSION_TOKEN": ""}
            others[namespace] = open_store(settings.store, own, retry_timeout=_RETRIES)
    home = open_store(settings.store, env, retry_timeout=_RETRIES)
    return Stores(home, others, settings.namespace, settings.prefix)


def _half(path: Path) -> str:
    try:
        text = path.read_text().strip()
    except OSError as error:
        raise ConfigurationRefused(f"{path} cannot be read: {error}") from error
    if not text:
        raise ConfigurationRefused(f"{path} is empty: it is half of a namespace's S3 key pair")
    return text
