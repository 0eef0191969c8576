"""Exception handlers: every error of the application becomes a problem details response."""

from __future__ import annotations

import errno
import logging
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from imagebatch_core.errors import ImageBatchError

from .problems import (
    Problem,
    http_problem,
    internal,
    invalid_options,
    not_utf8,
    problem_of,
    scratch_full,
)

_log: Final = logging.getLogger(__name__)


def install(app: FastAPI) -> None:
    """Register the exception handlers on ``app``."""

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
        faults = ((str(fault["loc"][-1]), str(fault["msg"])) for fault in error.errors())
        return invalid_options(*faults).response()

    @app.exception_handler(HTTPException)
    async def on_http_error(_: Request, error: HTTPException) -> JSONResponse:
        if isinstance(error.__cause__, Problem):
            # FastAPI makes a 400 of this, too, when it is raised while a body is read.
            return error.__cause__.response()
        if isinstance(error.__cause__, UnicodeDecodeError):
            return not_utf8().response()
        if is_disk_full(error.__cause__):
            # FastAPI turns any error while a body is read into a 400.
            _log.warning("an upload is refused: %s", error.__cause__)
            return scratch_full().response()
        detail = str(error.detail) if error.detail else None
        return http_problem(error.status_code, detail, error.headers or {}).response()

    @app.exception_handler(OSError)
    async def on_os_error(_: Request, error: OSError) -> JSONResponse:
        if not is_disk_full(error):
            raise error
        _log.warning("an upload is refused: %s", error)
        return scratch_full().response()

    @app.exception_handler(Exception)
    async def on_fault(_: Request, __: Exception) -> JSONResponse:
        return internal("The gateway's log says more.").response()


def is_disk_full(error: BaseException | None) -> bool:
    """Return whether this error, or an error in its chain of causes, is a full disk or quota."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__ or error.__context__
    return False
