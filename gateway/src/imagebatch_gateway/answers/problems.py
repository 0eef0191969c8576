"""Error responses: problem details (RFC 9457) with an additional ``message``.

Routes and services raise domain errors, or a :class:`Problem` made by a function of this module.
Only this module knows the HTTP status, code and title of each error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from fastapi.responses import JSONResponse

from imagebatch_core.errors import ImageBatchError, InputRefused
from imagebatch_gateway.backends.errors import (
    BatchMissing,
    BatchUnreadable,
    CallerRefused,
    ClusterRefused,
    ClusterUnavailable,
    CredentialRefused,
    CursorRefused,
    QuotaExceeded,
    ResultMissing,
    ResultUnreadable,
    SpecRefused,
    StoreUnavailable,
)

from .models import ProblemAnswer

MEDIA_TYPE: Final = "application/problem+json"
#: Retry-After in seconds when a backend did not respond.
_SOON: Final = 5
#: Retry-After in seconds when running uploads fill the scratch volume.
_LATER: Final = 30


@dataclass
class Problem(Exception):
    """An error response.

    ``code`` is the last part of the problem's ``type``. Without a ``message`` the ``detail`` is
    sent as the message, and without a ``detail`` the ``title``. ``retry_after`` is in seconds.
    """

    status: int
    code: str
    title: str
    detail: str | None = None
    message: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    retry_after: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        answer = ProblemAnswer(
            type=f"urn:imagebatch:problem:{self.code}",
            title=self.title,
            status=self.status,
            detail=self.detail or self.title,
            message=self.message or self.detail or self.title,
            **self.extra,
        )
        return answer.model_dump(exclude_unset=True)

    def response(self) -> JSONResponse:
        later = {"Retry-After": str(self.retry_after)} if self.retry_after is not None else {}
        return JSONResponse(self.body(), self.status, {**self.headers, **later}, MEDIA_TYPE)


def no_csv() -> Problem:
    """Return the problem of an upload without a file."""
    detail = (
        "No file was sent. Send the CSV as the multipart field 'file': "
        "curl -F file=@products.csv <gateway>/api/upload"
    )
    errors = [{"line": None, "message": detail}]
    return Problem(400, "no-file", "No file", detail, extra={"errors": errors})


def invalid_csv(message: str, line: int | None) -> Problem:
    title = "Invalid CSV format"
    detail = f"line {line}: {message}" if line is not None else message
    errors = [{"line": line, "message": message}]
    return Problem(400, "invalid-csv", title, detail, message=title, extra={"errors": errors})


def invalid_csv_of(error: InputRefused) -> Problem:
    """Return the problem of a refused file. The line number gets a field of its own."""
    return invalid_csv(str(error).removeprefix(f"line {error.line}: "), error.line)


def invalid_options(*errors: tuple[str, str]) -> Problem:
    """Return the problem of invalid options. Each error is the option's name and a message."""
    return Problem(
        422,
        "invalid-options",
        "Invalid options",
        detail="; ".join(f"{name}: {message}" for name, message in errors),
        extra={"errors": [{"field": name, "message": message} for name, message in errors]},
    )


def limit_exceeded(*errors: tuple[str, str]) -> Problem:
    """Return the problem of a request that asks for more than the release allows.

    Each error is a field or part of the request and a message.
    """
    return Problem(
        422,
        "limit-exceeded",
        "More than this release allows",
        detail="; ".join(f"{name}: {message}" for name, message in errors),
        extra={"errors": [{"field": name, "message": message} for name, message in errors]},
    )


def idempotency_key_reused() -> Problem:
    return Problem(
        422,
        "idempotency-key-reused",
        "This Idempotency-Key was used for another upload",
        detail="The file or the options differ from those first sent with this Idempotency-Key; "
        "use a new key for a new upload.",
    )


def no_output_yet(detail: str, retry_after: int) -> Problem:
    """Return the problem of an output that may come later. ``retry_after`` is in seconds."""
    return Problem(409, "not-finished", "The output is not ready", detail, retry_after=retry_after)


def no_output_ever(detail: str) -> Problem:
    return Problem(409, "no-output", "There will be no output", detail)


def has_ended(status: str) -> Problem:
    """Return the problem of a change to a request that has ended with this status."""
    detail = f"The request is {status}; nothing of it can be changed any more."
    return Problem(409, "ended", "The request has ended", detail)


def is_expired() -> Problem:
    """Return the problem of deleting a request whose resource is gone already."""
    detail = (
        "The ImageBatch of this request is gone already. Its results stay readable until the "
        "sweeper removes them from the bucket."
    )
    return Problem(409, "expired", "The request has expired", detail)


def no_webhook() -> Problem:
    """The request names no receiver of a webhook."""
    detail = "The request was created without a webhook."
    return Problem(409, "no-webhook", "The request has no webhook", detail)


def no_event_yet() -> Problem:
    """There is no event of the request that could be sent once more."""
    detail = (
        "The request has had no event yet: it is sent when the request ends or awaits confirmation."
    )
    return Problem(409, "no-event", "There is nothing to replay", detail)


def not_ended(status: str) -> Problem:
    """Return the problem of a retry of a request that has not ended."""
    detail = (
        f"The request is {status}. Retry it once it has ended, or cancel it first: what is done "
        "is kept, and a retry takes up the rest."
    )
    return Problem(409, "not-ended", "The request has not ended", detail)


def not_retryable(detail: str) -> Problem:
    """Return the problem of a retry without any image to retry; ``detail`` says why."""
    return Problem(409, "nothing-to-retry", "There is nothing to retry", detail)


def no_request_to_retry(request_id: str) -> Problem:
    """There is no resource of the request, which a retry needs."""
    detail = (
        f"No request is named {request_id!r}. If it was deleted, its failed rows can be uploaded "
        f"as a new request: GET /api/download/{request_id}?format=failed"
    )
    return Problem(404, "not-found", "Request ID not found", detail, message="Request ID not found")


def range_not_satisfiable(size: int) -> Problem:
    title = "The range lies beyond the end"
    detail = f"There are {size} bytes."
    headers = {"Content-Range": f"bytes */{size}"}
    return Problem(416, "range-not-satisfiable", title, detail, headers=headers)


def no_such_file() -> Problem:
    """Return the problem of an output image that does not exist."""
    return Problem(404, "no-file", "No such file", message="File not found")


def scratch_full() -> Problem:
    """Return the problem of an upload for which the scratch volume has no room now."""
    return Problem(
        503,
        "scratch-full",
        "No room for this upload now; try again",
        detail="The gateway's scratch volume is full. It empties as other uploads end.",
        retry_after=_LATER,
        headers={"Connection": "close"},
    )


def too_many_uploads() -> Problem:
    """There is no room for one more upload now."""
    return Problem(
        503,
        "too-many-uploads",
        "Too many uploads now; try again",
        detail="The gateway takes no further upload until some of those under way have ended.",
        retry_after=_SOON,
        headers={"Connection": "close"},
    )


def body_too_slow() -> Problem:
    """Return the problem of a body that arrives too slowly."""
    return Problem(
        408,
        "body-too-slow",
        "The body did not arrive",
        detail="The connection was too slow, or stopped. Send the request again.",
        headers={"Connection": "close"},
    )


def not_utf8() -> Problem:
    """Return the problem of a JSON body whose bytes are no UTF-8."""
    return Problem(400, "not-utf8", "The body cannot be read", "It must be JSON in UTF-8.")


def client_gone() -> Problem:
    """Return the problem of a closed connection. It is only logged, because no client reads it."""
    return Problem(499, "client-gone", "The client closed the connection")


def internal(detail: str | None = None) -> Problem:
    return Problem(500, "internal", "Internal error", detail)


def http_problem(status: int, detail: str | None, headers: Mapping[str, str]) -> Problem:
    """Return the problem of an HTTP error that FastAPI or a middleware raised.

    Its title is the reason phrase of ``status``.
    """
    # The phrase for 413 differs between Python versions.
    title = "Content Too Large" if status == 413 else HTTPStatus(status).phrase
    return Problem(status, title.lower().replace(" ", "-"), title, detail, headers=headers)


def problem_of(error: ImageBatchError) -> Problem:
    """Return the error response for a domain error; 500 for one that is not listed here."""
    detail = str(error)
    match error:
        case BatchMissing():
            return Problem(404, "not-found", "Request ID not found")
        case CursorRefused():
            return Problem(400, "invalid-cursor", "Invalid cursor", detail)
        case SpecRefused():
            causes = [{"field": c.field, "message": c.message} for c in error.causes]
            title = "The cluster refuses this request"
            extra = {"errors": causes} if causes else {}
            return Problem(422, "refused-by-cluster", title, detail, extra=extra)
        case QuotaExceeded():
            title = "The namespace's quota of ImageBatches is used up"
            return Problem(429, "quota-exceeded", title, detail, retry_after=60)
        case CredentialRefused():
            headers = {"WWW-Authenticate": 'Bearer realm="imagebatch"'}
            return Problem(401, "credentials-refused", "Sign in", detail, headers=headers)
        case CallerRefused():
            return Problem(403, "not-allowed", "You may not do this", detail)
        case ClusterRefused():
            return Problem(503, "misconfigured", "The gateway is not set up completely", detail)
        case ClusterUnavailable():
            title = "The cluster does not answer; try again"
            return Problem(503, "cluster-unavailable", title, detail, retry_after=_SOON)
        case StoreUnavailable():
            title = "The object store does not answer; try again"
            return Problem(503, "store-unavailable", title, detail, retry_after=_SOON)
        case ResultMissing():
            return Problem(410, "gone", "The result is no longer in the object store", detail)
        case ResultUnreadable():
            title = "The results cannot be read by this release, or are too many to count"
            return Problem(500, "results-unreadable", title, detail)
        case BatchUnreadable():
            return Problem(500, "unreadable", "The stored request cannot be read", detail)
    return internal()
