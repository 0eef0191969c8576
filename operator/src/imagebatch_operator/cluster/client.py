"""The Kubernetes API as plain JSON; errors of the client library are translated here.

::

    KubeError
    ├── NotFound
    ├── AlreadyExists
    ├── Conflict        the object has changed since it was read
    ├── Forbidden
    ├── Invalid         the object is not valid
    ├── Fenced          not sent: this process no longer holds the Lease
    └── Unavailable     worth trying again
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from kubernetes.aio import client

from imagebatch_core.apiserver import api_client
from imagebatch_core.names import API_VERSION, PLURAL
from imagebatch_operator import metrics

_SECONDS = 10.0


class KubeError(Exception):
    """The API server refused the request or did not respond. The text is the API server's
    message."""


class NotFound(KubeError):
    """The object does not exist."""


class AlreadyExists(KubeError):
    """An object of that name exists."""


class Conflict(KubeError):
    """The object changed since it was read."""


class Forbidden(KubeError):
    """RBAC, quota or an admission rule refuses it."""


class Invalid(KubeError):
    """The object is not valid, or an admission policy refuses it."""


class Fenced(KubeError):
    """The request was not sent, because another operator may hold the Lease by now."""


class Unavailable(KubeError):
    """The API server did not respond, or asked to retry later."""


class Kube:
    """Reads and writes JSON objects by their paths."""

    def __init__(self, api: client.ApiClient, may_write: Callable[[], bool] = lambda: True) -> None:
        self._api: Any = api
        self._may_write = may_write

    def fenced(self, may_write: Callable[[], bool]) -> Kube:
        """Return this client with a guard: it writes only while ``may_write`` returns True."""
        return Kube(self._api, may_write)

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        return await self._call("GET", path, query)

    async def create(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return await self._call("POST", path, {"fieldManager": "imagebatch-operator"}, body)

    async def patch(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send a JSON merge patch; raises Conflict when its ``metadata.resourceVersion`` is old."""
        query = {"fieldManager": "imagebatch-operator"}
        return await self._call("PATCH", path, query, body, "application/merge-patch+json")

    async def delete(self, path: str, *, uid: str | None = None, foreground: bool = False) -> None:
        """Delete an object and its dependents; do nothing if it does not exist.

        With ``foreground`` the object stays, being deleted, until its dependents are gone.
        """
        options: dict[str, Any] = {
            "propagationPolicy": "Foreground" if foreground else "Background"
        }
        if uid:
            options["preconditions"] = {"uid": uid}
        try:
            await self._call("DELETE", path, {}, options)
        except NotFound:
            return

    async def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
    ) -> dict[str, Any]:
        if method != "GET" and not self._may_write():
            raise Fenced(f"{method} {path}: the Lease was not renewed in time")
        request = await self._api.param_serialize(
            method=method,
            resource_path=path,
            query_params=list(query.items()),
            header_params={"Accept": "application/json", "Content-Type": content_type},
            body=body,
            auth_settings=["BearerToken"],
        )
        try:
            response = await self._api.call_api(*request, _request_timeout=_SECONDS)
            text = await response.read()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            metrics.API_REQUESTS.labels(method, "none").inc()
            raise Unavailable(f"{method} {path}: {type(error).__name__}") from error
        metrics.API_REQUESTS.labels(method, str(response.status)).inc()
        answer = _parse(text)
        if response.status >= 400:
            raise _error(response.status, answer, f"{method} {path}")
        return answer


def batch_path(namespace: str, name: str, subresource: str = "") -> str:
    suffix = f"/{subresource}" if subresource else ""
    return f"/apis/{API_VERSION}/namespaces/{namespace}/{PLURAL}/{name}{suffix}"


def jobs_path(namespace: str | None, name: str = "") -> str:
    scope = f"/namespaces/{namespace}" if namespace else ""
    return f"/apis/batch/v1{scope}/jobs" + (f"/{name}" if name else "")


def core_path(namespace: str, plural: str, name: str = "") -> str:
    return f"/api/v1/namespaces/{namespace}/{plural}" + (f"/{name}" if name else "")


@asynccontextmanager
async def connect(env: Mapping[str, str] = os.environ) -> AsyncIterator[Kube]:
    """Open a client; see :func:`imagebatch_core.apiserver.api_client`."""
    async with api_client(env) as api:
        yield Kube(api)


def _parse(text: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(text or b"{}")
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _error(status: int, answer: Mapping[str, Any], what: str) -> KubeError:
    text = f"{what}: {answer.get('message') or f'HTTP {status}'}"
    if status == 404:
        return NotFound(text)
    if status == 409:
        exists = answer.get("reason") == "AlreadyExists"
        return AlreadyExists(text) if exists else Conflict(text)
    if status in (401, 403):
        return Forbidden(text)
    if status in (400, 422):
        return Invalid(text)
    if status in (408, 429) or status >= 500:
        return Unavailable(text)
    return KubeError(text)
