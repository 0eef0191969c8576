"""Middleware for X-Forwarded-* headers, which are trusted only from configured proxies."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send

from imagebatch_gateway.settings import Network

_HEADERS: Final = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host")


class Forwarded:
    """Sets client, scheme and host of a request from its X-Forwarded-* headers.

    The headers are ignored unless the peer is one of ``proxies``.
    """

    def __init__(self, app: ASGIApp, proxies: Sequence[Network]) -> None:
        self._app = app
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope.get("client") and self._is_proxy(scope["client"][0]):
            self._believe(scope)
        await self._app(scope, receive, send)

    def _believe(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        hops, protocols, hosts = (_values(headers, name) for name in _HEADERS)
        # Each proxy appends its peer. So the client is the last address that is not a proxy; the
        # client itself may have sent any addresses before it.
        for hop in reversed(hops):
            scope["client"] = (hop, 0)
            if not self._is_proxy(hop):
                break
        if protocols and protocols[-1] in ("http", "https"):
            scope["scheme"] = protocols[-1]
        if hosts:
            MutableHeaders(scope=scope)["host"] = hosts[-1]

    def _is_proxy(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._proxies)


def _values(headers: Headers, name: str) -> list[str]:
    joined = ",".join(headers.getlist(name))
    return [value.strip() for value in joined.split(",") if value.strip()]
