"""Middleware of every request: access log, limit on the body's size, security headers.

It is plain ASGI, because Starlette's BaseHTTPMiddleware buffers a response and so breaks the
back-pressure of streamed responses.
"""

from __future__ import annotations

import logging
import time
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_access: Final = logging.getLogger("imagebatch_gateway.access")

#: Bytes that a form may hold beside its file: the other fields and the multipart framing.
FORM_OVERHEAD: Final = 64 * 1024

_SECURITY_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}


class AccessLog:
    """Logs one line per request. Query string and headers are left out: they may hold secrets."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        status = 500
        sent = 0

        async def counted(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body":
                sent += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, counted)
        finally:
            client = scope.get("client")
            fields = {
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "bytes": sent,
                "ms": round((time.perf_counter() - start) * 1000, 1),
                "client": client[0] if client else None,
                "request_id": scope.get("state", {}).get("request_id"),
            }
            quiet = scope["path"] in ("/healthz", "/readyz") and status < 400
            _access.log(logging.DEBUG if quiet else logging.INFO, "request", extra=fields)


class SecurityHeaders:
    """Adds the security headers that a response has not set itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers)


class BodyLimit:
    """Refuses a request body of more than ``limit`` bytes plus :data:`FORM_OVERHEAD` with 413.

    It is refused at once if Content-Length exceeds the limit, otherwise when the limit is passed.
    Starlette's own limit responds in plain text and gives no reason.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        too_large = announced.isdigit() and int(announced) > self._limit + FORM_OVERHEAD
        received = 0

        async def limited() -> Message:
            nonlocal received
            if too_large:
                raise self._refusal()
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > self._limit + FORM_OVERHEAD:
                    raise self._refusal()
            return message

        await self._app(scope, limited, send)

    def _refusal(self) -> HTTPException:
        # "Connection: close", because the rest of the body will not be read.
        return HTTPException(
            413,
            f"The upload is larger than {_size(self._limit)}. Split the CSV, or put it into the "
            "bucket and name it in an ImageBatch.",
            {"Connection": "close"},
        )


def _size(count: int) -> str:
    for unit, factor in (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024)):
        if count >= factor:
            return f"{count / factor:.4g} {unit}"
    return f"{count} bytes"
