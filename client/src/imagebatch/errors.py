"""Errors of the client.

ImageBatchError
├── GatewayUnreachable     no response, also after retries
├── UnexpectedResponse     the address is not that of a gateway that this client knows
├── TransferBroken         a download broke off and could not be continued
└── Refused                the gateway refused the call
    ├── InvalidInput       400, 413, 422: the file or an option
    ├── NotAllowed         401, 403: not signed in, or no right to this
    ├── NotFound           404, 410: no such request, or its results are gone
    ├── Conflict           409: the request's state does not allow the call
    │   └── NotReady       409 with Retry-After: the results may still come
    └── GatewayFailed      429 and 5xx, also after retries
"""

from __future__ import annotations

import json
from typing import Any

import httpx


class ImageBatchError(Exception):
    """Base of all errors that the client raises on purpose."""


class GatewayUnreachable(ImageBatchError):
    """The gateway did not respond."""


class UnexpectedResponse(ImageBatchError):
    """What responded is not a gateway, or one that this client does not understand."""


class TransferBroken(ImageBatchError):
    """A download broke off and could not be continued."""


class Refused(ImageBatchError):
    """The gateway refused a call; ``errors`` says where and why, if the gateway does."""

    def __init__(
        self, message: str, *, status: int, errors: list[dict[str, Any]], request_id: str | None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.errors = errors
        #: ``X-Request-Id`` of the response, which the gateway's log has.
        self.x_request_id = request_id


class InvalidInput(Refused):
    """The gateway refused the file or an option."""


class NotAllowed(Refused):
    """The caller is not signed in or may not do this."""


class NotFound(Refused):
    """There is no such request, or its results are no longer stored."""


class Conflict(Refused):
    """The state of the request does not allow the call."""


class NotReady(Conflict):
    """The request has not ended: its results may still come."""


class GatewayFailed(Refused):
    """The gateway cannot do this now."""


_BY_STATUS: dict[int, type[Refused]] = {
    401: NotAllowed,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    410: NotFound,
}


def refusal(response: httpx.Response) -> Refused:
    """Return the error for a response of 400 or more whose body has been read."""
    try:
        problem = response.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        problem = None
    if not isinstance(problem, dict):
        problem = {}
    message = problem.get("message") or f"HTTP {response.status_code} {response.reason_phrase}"
    if response.has_redirect_location:
        message = f"{message}: use the address {response.headers['Location']}"
    detail = problem.get("detail")
    if detail and detail != message:
        message = f"{message}: {detail}"
    errors = problem.get("errors")
    return _class(response)(
        str(message),
        status=response.status_code,
        errors=[one for one in errors if isinstance(one, dict)] if isinstance(errors, list) else [],
        request_id=response.headers.get("X-Request-Id"),
    )


def _class(response: httpx.Response) -> type[Refused]:
    status = response.status_code
    if status == 409 and "Retry-After" in response.headers:
        return NotReady
    if status == 429 or status >= 500:
        return GatewayFailed
    return _BY_STATUS.get(status, InvalidInput)
