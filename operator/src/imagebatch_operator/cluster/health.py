"""``/healthz``: what this process is doing, from its first moment on.

An own server rather than Kopf's: that one starts only with the watches, so that a standby had none,
and it sleeps for a minute inside the request when a probe fails.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web


class Unhealthy(Exception):
    """The process should be restarted; the text says why."""


class Health:
    """``report`` returns a word on what goes on, or raises :class:`Unhealthy`; each part of the
    program puts its own there when it takes over."""

    def __init__(self) -> None:
        self.report: Callable[[], str] = _starting

    @asynccontextmanager
    async def served(self, port: int) -> AsyncIterator[int]:
        """The port that is listened on."""
        app = web.Application()
        app.router.add_get("/healthz", self._answer)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        listener = listen(port)
        try:
            await web.SockSite(runner, listener).start()
            yield listener.getsockname()[1]
        finally:
            await runner.cleanup()

    async def _answer(self, _request: web.Request) -> web.Response:
        try:
            return web.json_response({"status": "ok", "detail": self.report()})
        except Unhealthy as error:
            return web.json_response({"status": "failing", "detail": str(error)}, status=503)


def _starting() -> str:
    """No pod of an upgrade counts as ready before it has seen that it can work here."""
    raise Unhealthy("starting")


def listen(port: int) -> socket.socket:
    """On all addresses, of both families where the system has them."""
    if socket.has_dualstack_ipv6():
        try:
            return socket.create_server(
                ("", port), family=socket.AF_INET6, dualstack_ipv6=True, reuse_port=False
            )
        except OSError:
            pass  # IPv6 is compiled in and switched off
    return socket.create_server(("", port))
