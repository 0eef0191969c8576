"""A simulated network: names resolve by a table, and connections are recorded but never made.

It replaces the event loop's calls to the system, so everything above them (connector, DNS cache,
connection pool, happy eyeballs) is real.
"""

from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_address
from typing import Any


class RecordedNet:
    """The simulated network; :meth:`on` installs it in a running loop.

    ``dialled`` lists the addresses to which a connection was tried. With ``forward``, a port of the
    loopback address, each connection reaches the test's own server there; without it, each is
    refused as by a closed port. ``forward`` may be set later, to simulate a host that comes back.
    """

    def __init__(self, forward: int | None = None) -> None:
        self.dialled: list[str] = []
        self.looked_up: list[str] = []
        self.forward = forward
        self._names: dict[str, list[list[str]]] = {}

    def name(self, host: str, *answers: list[str]) -> RecordedNet:
        """Set the results of look-ups of ``host``, one after another; the last one is repeated."""
        self._names[host] = list(answers)
        return self

    def on(self, loop: asyncio.AbstractEventLoop) -> RecordedNet:
        """Replace the loop's look-ups and connections, for the lifetime of the loop."""
        real_connect = loop.sock_connect

        async def sock_connect(sock: socket.socket, address: Any) -> None:
            self.dialled.append(str(address[0]))
            if self.forward is None:
                raise ConnectionRefusedError
            if sock.family is not socket.AF_INET:
                raise ConnectionRefusedError("only IPv4 is forwarded")
            await real_connect(sock, ("127.0.0.1", self.forward))

        async def getaddrinfo(host: Any, port: Any, **_: Any) -> list[Any]:
            self.looked_up.append(str(host))
            answers = self._names.get(str(host).rstrip("."))
            if answers is None:
                raise socket.gaierror(socket.EAI_NONAME, "no such name on paper")
            addresses = answers.pop(0) if len(answers) > 1 else answers[0]
            return [_info(address, int(port)) for address in addresses]

        loop.sock_connect = sock_connect  # type: ignore[method-assign] # this loop alone
        loop.getaddrinfo = getaddrinfo  # type: ignore[method-assign, assignment] # as above
        return self


def _info(address: str, port: int) -> tuple[Any, ...]:
    if ip_address(address).version == 4:
        return (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port))
    return (socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port, 0, 0))
