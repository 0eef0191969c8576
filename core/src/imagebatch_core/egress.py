"""The address guard as an aiohttp connector: one for image fetches and for webhooks.

The rule is applied to the address that is about to be dialled, in the connector's socket factory:
a look-up of its own before the request would be defeated by DNS rebinding. The resolver applies it
as well, to refuse a host when **any** of its addresses is bad.
"""

from __future__ import annotations

import re
import socket
from contextvars import ContextVar
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from .addresses import AllowList

#: Host that is being dialled in this task: the socket factory is told the address alone.
_ALLOWED_HOST: ContextVar[bool] = ContextVar("allowed_host", default=False)

_MAX_URL: Final = 8192


class UrlRefused(ValueError):
    """The URL's form is refused, before any look-up."""


class AddressRefused(OSError):
    """The address that would be dialled is not public and not allowed."""

    def __init__(self, address: str, why: str) -> None:
        super().__init__(f"{address} is not a public address ({why})")
        self.address = address
        self.why = why


def check_url(url: str) -> URL:
    """Parse a URL that a stranger named.

    Raises:
        UrlRefused: not http(s), with credentials, without host, or the host is a number in one
            of the odd spellings of IPv4 (``127.1``, ``0x7f000001``, ``0177.0.0.1``).
    """
    if len(url) > _MAX_URL:
        raise UrlRefused(f"the URL is longer than {_MAX_URL} characters")
    if re.search(r"[\x00-\x20\x7f\\]", url):
        raise UrlRefused("the URL holds spaces, control characters or backslashes")
    try:
        parsed = URL(url)
        host = parsed.host
        _ = parsed.port
    except ValueError as error:
        raise UrlRefused(f"not a URL: {error}") from error
    if parsed.scheme not in ("http", "https"):
        raise UrlRefused("only http and https URLs are fetched")
    if not host:
        raise UrlRefused("the URL names no host")
    if parsed.user is not None or parsed.password is not None:
        raise UrlRefused("credentials in a URL are refused")
    if parsed.port == 0:
        raise UrlRefused("port 0 cannot be dialled")
    try:
        if ":" not in host:
            host.encode("idna")
    except UnicodeError as error:
        raise UrlRefused(f"the host is no valid name: {error}") from error
    last = host.rstrip(".").rpartition(".")[2]
    if ":" not in host and re.fullmatch(r"\d+|0[xX][0-9a-fA-F]*", last) and not _plain_ipv4(host):
        raise UrlRefused("the host is an IPv4 address in an odd spelling")
    return parsed


def _plain_ipv4(host: str) -> bool:
    octets = host.split(".")
    return len(octets) == 4 and all(
        re.fullmatch(r"0|[1-9]\d{0,2}", octet) and int(octet) <= 255 for octet in octets
    )


class _GuardedResolver(AbstractResolver):
    """Refuses a host when any of its addresses is bad."""

    def __init__(self, allow: AllowList, inner: AbstractResolver) -> None:
        self._allow = allow
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        results = await self._inner.resolve(host, port, family)
        for result in results:
            why = self._allow.refusal(host, result["host"])
            if why is not None:
                raise AddressRefused(result["host"], why)
        return results

    async def close(self) -> None:
        await self._inner.close()


class _GuardedConnector(aiohttp.TCPConnector):
    """Tells the socket factory whether the host itself is on the allow-list."""

    def __init__(self, allow: AllowList, **options: Any) -> None:
        super().__init__(**options)
        self._allow = allow

    async def _create_direct_connection(self, req: Any, *args: Any, **kwargs: Any) -> Any:
        token = _ALLOWED_HOST.set(self._allow.allows_host(req.url.raw_host or ""))
        try:
            return await super()._create_direct_connection(req, *args, **kwargs)
        finally:
            _ALLOWED_HOST.reset(token)


def guarded_connector(
    allow: AllowList, *, resolver: AbstractResolver | None = None, **options: Any
) -> aiohttp.TCPConnector:
    """A connector that dials public addresses and what ``allow`` lets through, nothing else.

    ``resolver`` is wrapped, for tests; ``options`` go to :class:`aiohttp.TCPConnector`. A refused
    address surfaces as :class:`AddressRefused`, possibly within aiohttp's own error: see
    :func:`find_address_refused`.
    """

    def open_socket(addr_info: Any) -> socket.socket:
        family, kind, proto, _, sockaddr = addr_info
        address = str(sockaddr[0])
        why = None if _ALLOWED_HOST.get() else allow.refusal("", address)
        if why is not None:
            raise AddressRefused(address, why)
        return socket.socket(family, kind, proto)

    return _GuardedConnector(
        allow,
        resolver=_GuardedResolver(allow, resolver or ThreadedResolver()),
        socket_factory=open_socket,
        **options,
    )


def find_address_refused(error: BaseException | None) -> AddressRefused | None:
    """The refusal within an error of aiohttp, if that is what it was."""
    seen: set[int] = set()
    pending = [error]
    while pending:
        current = pending.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        if isinstance(current, AddressRefused):
            return current
        pending += [current.__cause__, current.__context__, getattr(current, "os_error", None)]
        if isinstance(current, BaseExceptionGroup):
            pending += list(current.exceptions)
    return None
