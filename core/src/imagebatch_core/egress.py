"""The address guard as an aiohttp connector, used for image fetches and webhooks.

The connector's socket factory applies the rules to the address that is about to be dialled: DNS
rebinding would defeat a separate look-up before the request. The resolver applies them as well, to
refuse a host if **any** of its addresses is refused.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from itertools import zip_longest
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from .egress_rules import DENIED, EgressRules

#: The host that this task is dialling; aiohttp tells the socket factory the address only.
_DIALLED_HOST: ContextVar[str] = ContextVar("dialled_host", default="")

#: OpenSSL's reasons when the other side does not speak TLS.
_NO_TLS: Final = frozenset({
    "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL",
    "WRONG_VERSION_NUMBER",
})  # fmt: skip

#: Threads that are left for files while every request looks up a name.
_OTHER_THREADS: Final = 4

#: Most addresses of a host that are dialled. Each address that does not respond costs one connect
#: timeout.
_MOST_ADDRESSES: Final = 4


class AddressRefused(OSError):
    """The address to dial is denied, or neither public nor allowed.

    ``address`` is the host name if the name itself is refused.
    """

    def __init__(self, address: str, why: str) -> None:
        super().__init__(
            f"{address} is {why}" if why == DENIED else f"{address} is not a public address ({why})"
        )
        self.address = address
        self.why = why


class _GuardedResolver(AbstractResolver):
    """A resolver that refuses a host if its name or any of its addresses is refused.

    It checks all addresses of a host, and returns at most :data:`_MOST_ADDRESSES` of them.
    """

    def __init__(self, rules: EgressRules, inner: AbstractResolver) -> None:
        self._rules = rules
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        why = self._rules.refused_name(host)
        if why is not None:
            raise AddressRefused(host, why)
        results = await self._inner.resolve(host, port, family)
        for result in results:
            why = self._rules.refusal(host, result["host"])
            if why is not None:
                raise AddressRefused(result["host"], why)
        return _alternate_families(results)[:_MOST_ADDRESSES]

    async def close(self) -> None:
        await self._inner.close()


def _alternate_families(results: list[ResolveResult]) -> list[ResolveResult]:
    """Return the results with IPv4 and IPv6 alternating, as long as there are both.

    The first result stays first, and each family keeps its order.
    """
    of_first = [result for result in results if result["family"] == results[0]["family"]]
    others = [result for result in results if result["family"] != results[0]["family"]]
    return [result for pair in zip_longest(of_first, others) for result in pair if result]


class _GuardedConnector(aiohttp.TCPConnector):
    """A connector that tells the socket factory which host is dialled."""

    async def _create_direct_connection(self, req: Any, *args: Any, **kwargs: Any) -> Any:
        token = _DIALLED_HOST.set(req.url.raw_host or "")
        try:
            return await super()._create_direct_connection(req, *args, **kwargs)
        finally:
            _DIALLED_HOST.reset(token)


def guarded_connector(
    rules: EgressRules, *, resolver: AbstractResolver | None = None, **options: Any
) -> aiohttp.TCPConnector:
    """Return a connector that dials only what the rules allow.

    ``resolver`` is the resolver to wrap, for tests; ``options`` go to
    :class:`aiohttp.TCPConnector`. A refused address raises :class:`AddressRefused`, possibly inside
    an error of aiohttp: see :func:`find_address_refused`.
    """

    def open_socket(addr_info: Any) -> socket.socket:
        family, kind, proto, _, sockaddr = addr_info
        address = str(sockaddr[0])
        why = rules.refusal(_DIALLED_HOST.get(), address)
        if why is not None:
            raise AddressRefused(address, why)
        return socket.socket(family, kind, proto)

    return _GuardedConnector(
        resolver=_GuardedResolver(rules, resolver or ThreadedResolver()),
        socket_factory=open_socket,
        **options,
    )


def size_lookup_threads(requests: int) -> None:
    """Give the running loop a thread for each of ``requests`` concurrent requests, and a few more.

    A name look-up blocks a thread of the loop's executor, for half a minute when the name server
    is silent. The default is about six threads in a small pod: six silent names would stop all
    look-ups.
    """
    threads = ThreadPoolExecutor(requests + _OTHER_THREADS)
    asyncio.get_running_loop().set_default_executor(threads)


def find_address_refused(error: BaseException | None) -> AddressRefused | None:
    """Return the AddressRefused that caused an error of aiohttp, or ``None``."""
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


def describe_connection_error(error: BaseException) -> str:
    """Return a sentence for people that says why a connection or its response failed.

    The sentence contains host and port, but never a path or query.
    """
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        cause = error.certificate_error
        why = getattr(cause, "verify_message", None) or str(cause)
        return f"the certificate of {error.host}:{error.port} is not accepted: {why}"
    if isinstance(error, aiohttp.ClientConnectorError):
        tls = error._conn_key.is_ssl  # aiohttp has no public attribute for it
        return _describe_connecting(error.os_error, f"{error.host}:{error.port}", tls=tls)
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return "no connection in time"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the host closed the connection without a response"
    if isinstance(error, ConnectionResetError):
        return "the host reset the connection"
    return str(error) or type(error).__name__


def _describe_connecting(cause: OSError, where: str, *, tls: bool) -> str:
    if isinstance(cause, ssl.SSLError):
        if cause.reason in _NO_TLS:
            return f"{where} speaks no TLS: is it an http:// address?"
        return f"no TLS with {where}: {(cause.reason or 'no reason').lower().replace('_', ' ')}"
    if tls and isinstance(cause, (ConnectionResetError, ConnectionAbortedError)):
        return f"{where} closed the connection during the TLS handshake: is it an http:// address?"
    if isinstance(cause, ConnectionRefusedError):
        return f"{where} refuses connections"
    if cause.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH):
        return f"{where} cannot be reached"
    return f"no connection to {where}: {cause.strerror or str(cause) or type(cause).__name__}"
