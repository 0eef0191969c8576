"""The HTTP server of ``/healthz``, which says whether this process works and what it is doing.

Kopf's own health server is not used: it starts with the watches, so a standby would have none, and
when a probe fails it sleeps for a minute inside the request.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from .http_port import served


class Unhealthy(Exception):
    """The process should be restarted; the text says why."""


class Health:
    """Serves the health of this process.

    ``report`` is a function that returns what the process is doing, or raises :class:`Unhealthy`.
    Each part of the program sets it when it takes over.
    """

    def __init__(self) -> None:
        self.report: Callable[[], str] = _starting

    @asynccontextmanager
    async def served(self, port: int) -> AsyncIterator[int]:
        """Serve during the block, which gets the port. A ``port`` of 0 chooses a free one."""
        app = web.Application()
        app.router.add_get("/healthz", self._answer)
        async with served(app, port) as bound:
            yield bound

    async def _answer(self, _request: web.Request) -> web.Response:
        try:
            return web.json_response({"status": "ok", "detail": self.report()})
        except Unhealthy as error:
            return web.json_response({"status": "failing", "detail": str(error)}, status=503)


def _starting() -> str:
    """Raise Unhealthy: this is the report of a process that is starting.

    So a pod is not ready before the CRD is checked, and an upgrade that cannot work does not
    replace the running release.
    """
    raise Unhealthy("starting")
