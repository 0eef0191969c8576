"""List the ImageBatches of a namespace, and tell clusters apart."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from kubernetes.aio import client
from kubernetes.aio.client.exceptions import ApiException

from imagebatch_core import names
from imagebatch_core.apiserver import api_client
from imagebatch_core.errors import ImageBatchError

#: Batches per page of the list.
_PAGE: Final = 500
_SECONDS: Final = 60.0


class BatchesNotListed(ImageBatchError):
    """The API server did not list all ImageBatches of the namespace."""


def list_batches(namespace: str) -> list[dict[str, Any]]:
    """Return all ImageBatches of a namespace, as the API server has them now.

    Raises:
        BatchesNotListed: the API server refuses, does not answer, or the list changed too much.
        ConfigurationRefused: there is no API server to talk to.
    """
    return asyncio.run(_listed(namespace))


def cluster_id() -> str | None:
    """Return what tells this cluster from others: a hash of its CA; ``None`` if it has none.

    Raises:
        ConfigurationRefused: there is no API server to talk to.
    """
    return asyncio.run(_cluster_id())


async def _cluster_id() -> str | None:
    async with api_client() as api:
        certificate: str | None = api.configuration.ssl_ca_cert
        if not certificate:
            return None
        return sha256(Path(certificate).read_bytes()).hexdigest()[:32]  # noqa: ASYNC240


async def _listed(namespace: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    # Without a resourceVersion the first page is the present state, not one from a cache.
    query: dict[str, Any] = {"limit": _PAGE}
    async with api_client() as api:
        custom: Any = client.CustomObjectsApi(api)
        while True:
            try:
                page = await custom.list_namespaced_custom_object(
                    names.GROUP, names.VERSION, namespace, names.PLURAL,
                    _request_timeout=_SECONDS, **query,
                )  # fmt: skip
            except (ApiException, OSError, TimeoutError) as error:
                raise BatchesNotListed(f"cannot list the ImageBatches: {error}") from error
            found += page["items"]
            query["_continue"] = page["metadata"].get("continue")
            if not query["_continue"]:
                return found
