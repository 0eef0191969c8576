"""Receives webhooks and keeps them in memory, so that tests can check what was sent."""

from __future__ import annotations

import base64
from collections import Counter, deque
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

_KEPT = 2000


class HookLog:
    """The newest :data:`_KEPT` deliveries, in the order in which they arrived."""

    def __init__(self) -> None:
        self._deliveries: deque[dict[str, Any]] = deque(maxlen=_KEPT)
        self._attempts: Counter[str] = Counter()

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/hook", self.receive)
        app.router.add_post("/hook/{name}", self.receive)
        app.router.add_get("/hooks", self.list)
        app.router.add_delete("/hooks", self.clear)

    async def receive(self, request: web.Request) -> web.Response:
        """Receive a webhook.

        With ``?fail=n`` the first n attempts of each webhook-id get the status ``?code=``, by
        default 500.
        """
        event = request.headers.get("webhook-id", "")
        self._attempts[event] += 1
        attempt = self._attempts[event]
        failing = attempt <= int(request.query.get("fail", "0"))
        code = int(request.query.get("code", "500")) if failing else 200
        body = await request.read()
        self._deliveries.append(
            {
                "received": datetime.now(UTC).isoformat(),
                "path": request.path_qs,
                "attempt": attempt,
                "answered": code,
                "headers": {name.lower(): value for name, value in request.headers.items()},
                "body": body.decode("utf-8", "replace"),
                "body_base64": base64.b64encode(body).decode(),
            }
        )
        headers = {"Retry-After": request.query["retry_after"]} if (
            failing and "retry_after" in request.query
        ) else {}  # fmt: skip
        return web.Response(status=code, headers=headers)

    async def list(self, request: web.Request) -> web.Response:
        """Return all deliveries as JSON, or those whose body or path contains the text ``?q=``."""
        wanted = request.query.get("q", "")
        return web.json_response(
            [one for one in self._deliveries if wanted in one["body"] or wanted in one["path"]]
        )

    async def clear(self, _: web.Request) -> web.Response:
        self._deliveries.clear()
        self._attempts.clear()
        return web.Response(status=204)
