"""Translation of Kubernetes client errors into the errors of :mod:`.errors`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp
from kubernetes.aio.client.exceptions import ApiException

from .errors import (
    BatchExists,
    BatchMissing,
    CallerRefused,
    Cause,
    ClusterRefused,
    ClusterUnavailable,
    CredentialRefused,
    ListExpired,
    QuotaExceeded,
    SpecRefused,
)

_LACKS: Final = "the gateway lacks a permission in the cluster: "


@asynccontextmanager
async def translated(name: str) -> AsyncIterator[None]:
    """Translate errors inside the ``with`` block, a call about the batch ``name``."""
    try:
        yield
    except ApiException as error:
        raise _domain_error(name, error) from error
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise ClusterUnavailable(
            "the Kubernetes API server cannot be reached", undecided=False
        ) from error
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        raise ClusterUnavailable(
            "the Kubernetes API server did not answer", undecided=True
        ) from error


@asynccontextmanager
async def translated_for_caller(name: str) -> AsyncIterator[None]:
    """Translate like :func:`translated`, for calls with a caller's token: a right that is missing
    is missing to
    the caller.
    """
    try:
        async with translated(name):
            yield
    except ClusterRefused as error:
        cause = error.__cause__
        if isinstance(cause, ApiException) and cause.status == 401:
            raise CredentialRefused("the token is not valid, or no longer") from error
        raise CallerRefused(str(error).removeprefix(_LACKS)) from error


@asynccontextmanager
async def translated_list() -> AsyncIterator[None]:
    """Translate errors inside the ``with`` block, a list or watch of batches."""
    try:
        async with translated(""):
            yield
    except BatchMissing as error:
        raise ClusterRefused("the ImageBatch CRD is not installed in this cluster") from error
    except SpecRefused as error:
        raise ClusterRefused(str(error)) from error


def _domain_error(name: str, error: ApiException) -> Exception:
    status = error.status or 0
    answer = _status_object(error)
    message = str(answer.get("message") or error.reason or f"HTTP {status}")
    if status == 410:
        return ListExpired(message)
    if status == 404:
        return BatchMissing(name)
    if status == 409 and answer.get("reason") == "AlreadyExists":
        return BatchExists(name)
    if status == 403 and "exceeded quota" in message:
        return QuotaExceeded(message)
    if status == 401 or (status == 403 and "cannot " in message):
        return ClusterRefused(f"{_LACKS}{message}")
    if status in (400, 403, 413, 422):
        return SpecRefused(message, _causes(answer))
    return ClusterUnavailable(
        f"the Kubernetes API server answered {status}",
        # 409 and 429 refuse a request before it has any effect.
        undecided=status not in (409, 429),
    )


def _status_object(error: ApiException) -> dict[str, Any]:
    """Return the ``metav1.Status`` in an error response; empty if the body is not a JSON object,
    for instance because a proxy sent it."""
    try:
        answer = json.loads(error.body or "")
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _causes(answer: Mapping[str, Any]) -> tuple[Cause, ...]:
    details = answer.get("details") or {}
    return tuple(
        Cause(str(cause.get("field", "")), str(cause.get("message", "")))
        for cause in details.get("causes") or ()
    )
