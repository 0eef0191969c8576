"""Refusals as the caller sees them: problem details (RFC 9457) beside the contract's ``message``.

Routes and services raise domain errors; only this module knows their HTTP status.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from imagebatch_core.errors import ImageBatchError
from imagebatch_gateway.backends.errors import (
    BatchMissing,
    BatchUnreadable,
    ClusterRefused,
    ClusterUnavailable,
    CursorRefused,
    QuotaExceeded,
    ResultMissing,
    SpecRefused,
    StoreUnavailable,
)

_log: Final = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
INVALID_CSV: Final = "Invalid CSV format"
NOT_FOUND: Final = "Request ID not found"
_PHRASES: Final = {413: "Content Too Large"}
NO_FILE: Final = (
    "No file was sent. Send the CSV as the multipart field 'file': "
    "curl -F file=@products.csv <gateway>/api/upload"
)


@dataclass
class Problem(Exception):
    """``code`` ends the problem's type; ``message`` is the contract's, else the detail's."""

    status: int
    code: str
    title: str
    detail: str | None = None
    message: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> JSONResponse:
        body = {
            "type": f"urn:imagebatch:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail or self.title,
            "message": self.message or self.detail or self.title,
            **self.extra,
        }
        return JSONResponse(body, self.status, dict(self.headers), MEDIA_TYPE)


def invalid_csv(message: str, line: int | None, *, status: int = 400) -> Problem:
    return Problem(
        status,
        "invalid-csv",
        INVALID_CSV,
        detail=f"line {line}: {message}" if line is not None else message,
        message=INVALID_CSV,
        extra={"errors": [{"line": line, "message": message}]},
    )


def invalid_options(*errors: tuple[str, str]) -> Problem:
    """``errors``: pairs of the option's name and what is wrong with it."""
    return Problem(
        422,
        "invalid-options",
        "Invalid options",
        detail="; ".join(f"{name}: {message}" for name, message in errors),
        extra={"errors": [{"field": name, "message": message} for name, message in errors]},
    )


def no_file() -> Problem:
    errors = [{"line": None, "message": NO_FILE}]
    return Problem(400, "no-file", "No file", detail=NO_FILE, extra={"errors": errors})


def not_implemented(fields: Sequence[str]) -> Problem:
    """``fields``: paths of the resource that the operator would refuse."""
    return Problem(
        400,
        "not-implemented",
        "This release does not do that yet",
        detail=f"this release does not act on {', '.join(fields)} yet; leave it out",
        extra={"errors": [{"field": field, "message": "not implemented"} for field in fields]},
    )


def problem_of(error: ImageBatchError) -> Problem:
    """The answer that a domain error deserves."""
    later = {"Retry-After": "5"}
    match error:
        case BatchMissing():
            return Problem(404, "not-found", NOT_FOUND, message=NOT_FOUND)
        case CursorRefused():
            return Problem(400, "invalid-cursor", "Invalid cursor", detail=str(error))
        case SpecRefused():
            causes = [{"field": c.field, "message": c.message} for c in error.causes]
            return Problem(
                422,
                "refused-by-cluster",
                "The cluster refuses this request",
                detail=str(error),
                extra={"errors": causes} if causes else {},
            )
        case QuotaExceeded():
            return Problem(
                429,
                "quota-exceeded",
                "The namespace's quota of ImageBatches is used up",
                detail=str(error),
                headers={"Retry-After": "60"},
            )
        case ClusterRefused():
            return Problem(
                503, "misconfigured", "The gateway is not set up completely", detail=str(error)
            )
        case ClusterUnavailable():
            return Problem(
                503,
                "cluster-unavailable",
                "The cluster does not answer; try again",
                detail=str(error),
                headers=later,
            )
        case StoreUnavailable():
            return Problem(
                503,
                "store-unavailable",
                "The object store does not answer; try again",
                detail=str(error),
                headers=later,
            )
        case ResultMissing():
            return Problem(
                410, "gone", "The result is no longer in the object store", detail=str(error)
            )
        case BatchUnreadable():
            return Problem(
                500, "unreadable", "The stored request cannot be read", detail=str(error)
            )
    return Problem(500, "internal", "Internal error")


def install(app: FastAPI) -> None:
    """Answer every error of this application as a problem."""

    @app.exception_handler(Problem)
    async def on_problem(_: Request, error: Problem) -> JSONResponse:
        return error.response()

    @app.exception_handler(ImageBatchError)
    async def on_domain_error(_: Request, error: ImageBatchError) -> JSONResponse:
        problem = problem_of(error)
        if problem.status >= 500:
            cause = str(error.__cause__)[:1000] if error.__cause__ else None
            _log.warning("%s", error, extra={"error": type(error).__name__, "cause": cause})
        return problem.response()

    @app.exception_handler(RequestValidationError)
    async def on_validation(_: Request, error: RequestValidationError) -> JSONResponse:
        return invalid_options(
            *((str(e["loc"][-1]), str(e["msg"])) for e in error.errors())
        ).response()

    @app.exception_handler(HTTPException)
    async def on_http_error(_: Request, error: HTTPException) -> JSONResponse:
        # Python's phrase for 413 differs between its versions.
        title = _PHRASES.get(error.status_code) or HTTPStatus(error.status_code).phrase
        code = title.lower().replace(" ", "-")
        detail = str(error.detail) if error.detail else None
        headers = error.headers or {}
        return Problem(error.status_code, code, title, detail, headers=headers).response()

    @app.exception_handler(Exception)
    async def on_fault(_: Request, __: Exception) -> JSONResponse:
        return Problem(
            500, "internal", "Internal error", detail="The gateway's log says more."
        ).response()
