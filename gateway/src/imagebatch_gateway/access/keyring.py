"""The API keys of all namespaces, read from their Secret and cached for some seconds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from pydantic import ValidationError

from imagebatch_gateway.backends.errors import (
    ClusterUnavailable,
    CredentialRefused,
    GatewayError,
)
from imagebatch_gateway.backends.key_secret import KeySecret

from .api_key import ApiKey, id_and_secret

_log: Final = logging.getLogger(__name__)

#: Seconds after which the Secret is read again. A key that another replica deleted stays valid for
#: at most this long.
FRESH_SECONDS: Final = 10.0
#: Seconds between two reads that are caused by an unknown key, which may be new or a guess.
UNKNOWN_SECONDS: Final = 1.0
#: Seconds for which cached keys stay valid while the API server does not respond.
STALE_SECONDS: Final = 60.0


class Keyring:
    """Finds and changes keys. ``clock`` returns monotonic seconds, ``now`` the time of day."""

    def __init__(
        self, secret: KeySecret, clock: Callable[[], float], now: Callable[[], datetime]
    ) -> None:
        self._secret = secret
        self._clock = clock
        self._now = now
        self._keys: Mapping[str, ApiKey] = {}
        self._read_at: float | None = None
        self._lock = asyncio.Lock()

    async def find(self, text: str) -> ApiKey:
        """Return the key that a caller sent.

        Raises:
            CredentialRefused: there is no such key, or it has expired.
            GatewayError: the Secret cannot be read.
        """
        parts = id_and_secret(text)
        if parts is None:
            raise CredentialRefused("this is no API key of this gateway")
        id_, secret = parts
        await self._refresh(FRESH_SECONDS)
        if id_ not in self._keys:
            await self._refresh(UNKNOWN_SECONDS)
        key = self._keys.get(id_)
        if key is None or not key.opens(secret):
            raise CredentialRefused("there is no such API key, or it was deleted")
        if key.expired(self._now()):
            raise CredentialRefused(f"the API key {key.name!r} has expired")
        return key

    async def check(self, key: ApiKey) -> None:
        """Check that a key is still valid.

        Raises CredentialRefused if it was deleted or has expired, and GatewayError like
        :meth:`find`.
        """
        await self._refresh(FRESH_SECONDS)
        if key.id not in self._keys or key.expired(self._now()):
            raise CredentialRefused("the API key was deleted, or has expired")

    async def of_namespace(self, namespace: str) -> list[ApiKey]:
        """Return the keys of a namespace, the newest first. Raises GatewayError."""
        await self._refresh(0)
        found = (key for key in self._keys.values() if key.namespace == namespace)
        return sorted(found, key=lambda key: (key.created_at, key.id), reverse=True)

    async def add(self, key: ApiKey) -> None:
        """Store a new key. Raises GatewayError."""
        await self._secret.put(key.id, key.model_dump_json(by_alias=True).encode())
        self._keys = {**self._keys, key.id: key}

    async def remove(self, key: ApiKey) -> None:
        """Delete a key. This replica refuses it from now on. Raises GatewayError."""
        await self._secret.remove(key.id)
        self._keys = {id_: one for id_, one in self._keys.items() if id_ != key.id}

    async def _refresh(self, oldest: float) -> None:
        """Read the Secret again if the cached keys are older than ``oldest`` seconds."""
        async with self._lock:
            age = None if self._read_at is None else self._clock() - self._read_at
            if age is not None and age < oldest:
                return
            begun = self._clock()
            try:
                entries = await self._secret.read()
            except ClusterUnavailable:
                if age is None or age > STALE_SECONDS:
                    raise
                return
            except GatewayError:
                self._keys, self._read_at = {}, None
                raise
            self._keys = {key.id: key for id_, e in entries.items() if (key := _parse(id_, e))}
            self._read_at = begun


def _parse(id_: str, entry: bytes) -> ApiKey | None:
    """Parse an entry of the Secret of API keys.

    Return ``None`` if this release cannot read it, or if its key has another id than ``id_``.
    """
    try:
        key = ApiKey.model_validate_json(entry)
    except ValidationError:
        _log.warning("an API key is ignored: it cannot be read", extra={"key_id": id_})
        return None
    return key if key.id == id_ else None
