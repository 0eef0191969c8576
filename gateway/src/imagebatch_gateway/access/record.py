"""Record each request: its id, the audit log line of a write, and metrics."""

from __future__ import annotations

import logging
import re
import time
import uuid
from typing import Any, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imagebatch_gateway import metrics

from .caller import Caller

_audit: Final = logging.getLogger("imagebatch_gateway.audit")
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
_OUTCOMES: Final = {4: "refused", 5: "failed"}


class Recorded:
    """Gives each request an id, ``X-Request-Id``, and records how it ended.

    What the routes know of it they leave in the request's state: ``caller``, ``route`` and
    ``rate_headers``; ``received`` there is the number of bytes of the body so far.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        state: dict[str, Any] = scope.setdefault("state", {})
        state["request_id"] = request_id = _id_of(scope)
        status, location = 500, ""

        async def receiving() -> Message:
            message = await receive()
            size = len(message.get("body", b""))
            state["received"] = state.get("received", 0) + size
            metrics.RECEIVED.inc(size)
            return message

        async def sending(message: Message) -> None:
            nonlocal status, location
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                location = headers.get("location", "")
                headers["X-Request-Id"] = request_id
                for name, value in state.get("rate_headers", {}).items():
                    headers.setdefault(name, value)
            metrics.SENT.inc(len(message.get("body", b"")))
            await send(message)

        try:
            await self._app(scope, receiving, sending)
        finally:
            route = state.get("route", "none")
            metrics.REQUESTS.labels(scope["method"], route, str(status)).inc()
            metrics.SECONDS.labels(route).observe(time.perf_counter() - start)
            if scope["method"] not in _SAFE:
                _audit.info("write", extra=_facts(scope, state, status, location))


def _id_of(scope: Scope) -> str:
    """Return the id that the caller sent if it is safe to log, otherwise a new one."""
    sent = Headers(scope=scope).get("x-request-id", "")
    return sent if _REQUEST_ID.fullmatch(sent) else str(uuid.uuid4())


def _facts(scope: Scope, state: dict[str, Any], status: int, location: str) -> dict[str, Any]:
    caller: Caller | None = state.get("caller")
    parameters = scope.get("path_params") or {}
    made = location.partition("?")[0].rpartition("/")[2]
    client = scope.get("client")
    return {
        "caller": caller.name if caller else None,
        "caller_kind": caller.kind.value if caller else None,
        "namespace": caller.namespace if caller else None,
        "method": scope["method"],
        "route": state.get("route", "none"),
        "subject": parameters.get("request_id") or parameters.get("key_id") or made or None,
        "client": client[0] if client else None,
        "status": status,
        "outcome": _OUTCOMES.get(status // 100, "done"),
        "request_id": state["request_id"],
    }
