"""Answers that no honest host gives, as bytes: lies about length, endless and dripping ones."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable
from typing import Any

from .imagehost import ImageHost

OK = b"HTTP/1.1 200 OK\r\n"
#: Endless answers stop here, so that a client without a limit fails a test instead of a machine.
_ENOUGH = 64 << 20


def raw(host: ImageHost, name: str, *pieces: bytes) -> str:
    """Exactly these bytes, then the end of the connection; the URL."""

    def answer(handler: Any) -> None:
        for piece in pieces:
            handler.wfile.write(piece)
        handler.close_connection = True

    return host.on(name, answer)


def endless(host: ImageHost, name: str, head: bytes, piece: bytes) -> str:
    """``piece`` again and again until the client goes away; ``host.sent[name]`` counts bytes."""

    def answer(handler: Any) -> None:
        handler.close_connection = True
        handler.wfile.write(head)
        while host.sent[name] < _ENOUGH:
            handler.wfile.write(piece)
            host.sent[name] += len(piece)

    return host.on(name, answer)


def dripping(host: ImageHost, name: str, head: bytes, drops: Iterable[bytes], pause: float) -> str:
    """``head`` at once, then a drop every ``pause`` seconds until the client goes away."""

    def answer(handler: Any) -> None:
        handler.close_connection = True
        handler.wfile.write(head)
        for drop in drops:
            if host.wait(pause):
                return
            handler.wfile.write(drop)

    return host.on(name, answer)


def reset(host: ImageHost, name: str, head: bytes) -> str:
    """``head``, then a TCP reset."""

    def answer(handler: Any) -> None:
        handler.close_connection = True
        handler.wfile.write(head)
        linger = struct.pack("ii", 1, 0)
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        handler.connection.close()

    return host.on(name, answer)


def answered(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """A whole answer whose headers are written by hand."""
    return b"\r\n".join(
        [
            f"HTTP/1.1 {status}".encode(errors="surrogateescape"),
            *(h.encode() for h in headers),
            b"",
            body,
        ]
    )
