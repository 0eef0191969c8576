"""The names under which the gateway may be called.

A page of a foreign site can let its own name lead to an address inside the cluster (DNS rebinding);
its scripts may then read what the gateway answers. The name stays in ``Host``, where it is refused.
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
#: Probes come with many names, and learn nothing.
_PROBES: Final = ("/healthz", "/readyz")
_PORT: Final = re.compile(r":\d*$")


def names_of(settings: Settings) -> frozenset[str]:
    """Return the names of a gateway: its Service's, and those that the settings hold."""
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
    """Responds 421 to a request under a foreign name. Addresses and loopback pass."""

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
