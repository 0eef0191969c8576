"""Serve an HTTP application on a port of its own, as for health and for metrics."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web


@asynccontextmanager
async def served(app: web.Application, port: int) -> AsyncIterator[int]:
    """Serve ``app`` during the block, which gets the port. A ``port`` of 0 chooses a free one."""
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    listener = _listen(port)
    try:
        await web.SockSite(runner, listener).start()
        yield listener.getsockname()[1]
    finally:
        await runner.cleanup()


def _listen(port: int) -> socket.socket:
    """Listen on all addresses, IPv4 and IPv6 where the system has both."""
    if socket.has_dualstack_ipv6():
        try:
            return socket.create_server(
                ("", port), family=socket.AF_INET6, dualstack_ipv6=True, reuse_port=False
            )
        except OSError:
            pass  # the system has IPv6, but it is switched off
    return socket.create_server(("", port))
