"""Refuses requests whose Host is not a name of the gateway.

A foreign site can make its own name resolve to an address inside the cluster (DNS rebinding). Its
scripts could then read the gateway's responses. ``Host`` still has the foreign name, so such a
request can be refused.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from imagebatch_gateway.answers.access_problems import unknown_host
from imagebatch_gateway.settings import Settings

_SERVICE: Final = "imagebatch-gateway"
#: Paths of probes, which are called with any name and reveal nothing.
_PROBES: Final = ("/healthz", "/readyz")
_PORT: Final = re.compile(r":\d*$")


def names_of(settings: Settings) -> frozenset[str]:
    """Return the gateway's names: those of its Service, and those in the settings."""
    service = f"{_SERVICE}.{settings.namespace}"
    public = urlsplit(settings.gateway_url or "").hostname
    names = (
        _SERVICE,
        service,
        f"{service}.svc",
        f"{service}.svc.cluster.local",
        *settings.gateway_hosts,
        *((public,) if public else ()),
    )
    return frozenset(name.lower() for name in names)


class KnownHosts:
    """Responds 421 to a request with a foreign name in Host. IP addresses and localhost are
    allowed."""

    def __init__(self, app: ASGIApp, names: Iterable[str]) -> None:
        self._app = app
        self._names = frozenset(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in _PROBES:
            host = Headers(scope=scope).get("host", "")
            if not self._knows(host):
                await unknown_host(host).response()(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _knows(self, host: str) -> bool:
        name = _PORT.sub("", host.strip().lower()).removesuffix(".")
        if name in self._names or name == "localhost" or name.endswith(".localhost"):
            return True
        try:
            ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
        except ValueError:
            return False
        return True
