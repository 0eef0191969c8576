"""HTTP responses of hostile hosts: with wrong lengths, endless, dripping, or reset.

Each function makes ``host`` respond so at the path ``name``, and returns the URL.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable
from typing import Any

from .imagehost import ImageHost

OK = b"HTTP/1.1 200 OK\r\n"
#: Endless responses stop after this many bytes, so that a client without a limit fails only a test.
_ENOUGH = 64 << 20


def raw(host: ImageHost, name: str, *pieces: bytes) -> str:
    """Respond with exactly these bytes, then close the connection."""

    def answer(handler: Any) -> None:
        for piece in pieces:
            handler.wfile.write(piece)
        handler.close_connection = True

    return host.on(name, answer)


def endless(host: ImageHost, name: str, head: bytes, piece: bytes) -> str:
    """Respond with ``head``, then ``piece`` repeatedly until the client disconnects.

    ``host.sent[name]`` counts the bytes of the pieces.
    """

    def answer(handler: Any) -> None:
        handler.close_connection = True
        handler.wfile.write(head)
        while host.sent[name] < _ENOUGH:
            handler.wfile.write(piece)
            host.sent[name] += len(piece)

    return host.on(name, answer)


def dripping(host: ImageHost, name: str, head: bytes, drops: Iterable[bytes], pause: float) -> str:
    """Respond with ``head`` at once, then one drop every ``pause`` seconds until the client
    disconnects."""

    def answer(handler: Any) -> None:
        handler.close_connection = True
        handler.wfile.write(head)
        for drop in drops:
            if host.wait(pause):
                return
            handler.wfile.write(drop)

    return host.on(name, answer)


def reset(host: ImageHost, name: str, head: bytes) -> str:
    """Respond with ``head``, then reset the TCP connection."""

    def answer(handler: Any) -> None:
        handler.close_connection = True
        handler.wfile.write(head)
        linger = struct.pack("ii", 1, 0)
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        handler.connection.close()

    return host.on(name, answer)


def answered(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """Return the bytes of a complete response with exactly these header lines."""
    return b"\r\n".join(
        [
            f"HTTP/1.1 {status}".encode(errors="surrogateescape"),
            *(h.encode() for h in headers),
            b"",
            body,
        ]
    )
