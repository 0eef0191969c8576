"""What both clients share beside the calls: settings, headers, and httpx requests."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from .calls import Call
from .errors import GatewayUnreachable, UnexpectedResponse

T = TypeVar("T")

#: Where `make demo` and `kubectl port-forward` offer the gateway.
DEFAULT_URL = "http://127.0.0.1:8080"
#: Seconds between two looks at a request that is waited for; the gateway's own numbers are as old.
POLL_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Connection:
    """How the gateway is reached, and as whom."""

    url: str
    token: str | None = None
    namespace: str | None = None

    @classmethod
    def of(
        cls,
        url: str | None,
        token: str | None,
        namespace: str | None,
        environment: Mapping[str, str] = os.environ,
    ) -> Connection:
        """Return the connection of what is given, else of IMAGEBATCH_URL, _TOKEN, _NAMESPACE.

        Raises ValueError for a URL that is not http or https.
        """
        address = (url or environment.get("IMAGEBATCH_URL") or DEFAULT_URL).rstrip("/")
        parts = urlsplit(address)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise ValueError(f"the gateway's URL must begin with http:// or https://: {address}")
        return cls(
            address,
            token or environment.get("IMAGEBATCH_TOKEN") or None,
            namespace or environment.get("IMAGEBATCH_NAMESPACE") or None,
        )

    def arguments(self, call: Call[Any]) -> dict[str, Any]:
        """Return the arguments of ``build_request`` of an httpx client.

        Token and namespace are sent to the gateway only, never to a public address of an output.
        """
        ours = call.path.startswith("/")
        headers = {"User-Agent": f"imagebatch-client/{version('imagebatch-client')}"}
        params = dict(call.params)
        if ours and self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        if ours and self.namespace is not None:
            params["namespace"] = self.namespace
        arguments: dict[str, Any] = {
            "method": call.method,
            "url": f"{self.url}{call.path}" if ours else call.path,
            "headers": {**headers, **call.headers},
        }
        if params:
            arguments["params"] = params
        if call.json is not None:
            arguments["json"] = call.json
        if call.silence is not None:
            arguments["timeout"] = timeout_of(call.silence)
        if call.file is not None:
            call.file.content.seek(0)
            arguments["data"] = call.form
            media_type = "application/octet-stream"
            arguments["files"] = {"file": (call.file.name, call.file.content, media_type)}
        return arguments

    def unreachable(self, error: httpx.TransportError) -> GatewayUnreachable:
        """Return the error for a call that got no response."""
        said = str(error) or type(error).__name__
        return GatewayUnreachable(f"the gateway at {self.url} does not respond: {said}")

    def read(self, call: Call[T], response: httpx.Response) -> T:
        """Return what a successful response holds. Raises UnexpectedResponse."""
        try:
            return call.read(response)
        except (ValueError, LookupError, TypeError) as error:
            raise UnexpectedResponse(
                f"{self.url} responded with what no gateway of this version says: {error}"
            ) from error


def follows_redirects(call: Call[Any]) -> bool:
    """Return whether a redirect is followed: that of a public address of an output, and of a
    download, which the gateway may leave to the object store."""
    return not call.path.startswith("/") or call.path.startswith("/api/download/")


def timeout_of(seconds: float) -> httpx.Timeout:
    """Return the timeouts: ``seconds`` for each read and write, and 10 s to connect."""
    return httpx.Timeout(seconds, connect=min(10.0, seconds))
