"""The Secret with the hashes of all API keys. Only errors of :mod:`.errors` leave this module."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final, Protocol

from kubernetes.aio import client

from imagebatch_core.names import API_KEYS_SECRET

from .api_errors import translated
from .errors import BatchMissing, ClusterRefused

_SECONDS: Final = 10.0


class KeySecret(Protocol):
    """The Secret's entries, one per key. Its methods raise ClusterRefused and
    ClusterUnavailable."""

    async def read(self) -> Mapping[str, bytes]:
        """Return all entries by the ids of their keys."""

    async def put(self, id_: str, entry: bytes) -> None:
        """Add or replace one entry, without changing the others."""

    async def remove(self, id_: str) -> None:
        """Remove one entry; do nothing if there is none."""


class KubeKeySecret:
    """The Secret in the namespace of the release, accessed with the official Kubernetes client."""

    def __init__(self, api: client.ApiClient, namespace: str) -> None:
        self._core: Any = client.CoreV1Api(api)
        self._namespace = namespace

    async def read(self) -> Mapping[str, bytes]:
        try:
            async with translated(""):
                secret = await self._core.read_namespaced_secret(
                    API_KEYS_SECRET, self._namespace, _request_timeout=_SECONDS
                )
        except BatchMissing as error:
            raise self._missing() from error
        return {name: base64.b64decode(value) for name, value in (secret.data or {}).items()}

    async def put(self, id_: str, entry: bytes) -> None:
        await self._merge({id_: base64.b64encode(entry).decode()})

    async def remove(self, id_: str) -> None:
        await self._merge({id_: None})

    async def _merge(self, data: Mapping[str, str | None]) -> None:
        """Change single entries by a merge patch, so that two replicas do not undo each other's
        changes.

        A value of ``None`` removes its entry.
        """
        try:
            async with translated(""):
                await self._core.patch_namespaced_secret(
                    API_KEYS_SECRET,
                    self._namespace,
                    {"data": dict(data)},
                    field_manager="imagebatch-gateway",
                    _content_type="application/merge-patch+json",
                    _request_timeout=_SECONDS,
                )
        except BatchMissing as error:
            raise self._missing() from error

    def _missing(self) -> ClusterRefused:
        return ClusterRefused(
            f"the Secret {API_KEYS_SECRET!r} of the API keys is missing in the namespace "
            f"{self._namespace!r}; the chart makes it"
        )
