"""A small HTTP host of images that counts requests and misbehaves on demand.

``with ImageHost() as host:`` serves on a free port of the loopback address. ``host.add(name,
data)`` serves these bytes at ``host.url(name)``. Other methods make a path misbehave in one way;
they return its URL.
"""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from support.httpservice import HttpService

Answer = Callable[["_Handler"], None]


class ImageHost(HttpService):
    """The host. ``requests`` counts requests by path; ``statuses`` and ``body_bytes`` count
    responses.

    ``headers`` are those of the last request. ``targets`` are the request targets, byte for byte.
    """

    def __init__(self, address: str = "127.0.0.1") -> None:
        self.requests: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.body_bytes = 0
        self.headers: dict[str, str] = {}
        self.targets: list[str] = []
        self.sent: Counter[str] = Counter()
        self.concurrent = 0
        self.most_concurrent = 0
        self._answers: dict[str, Answer] = {}
        self._fallback: Answer = lambda handler: handler.reply(404, b"nothing here", "text/plain")
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        server = _Server((address, 0), _Handler)
        server.host = self
        super().__init__(server)

    def tear_down(self) -> None:
        self._stopping.set()
        super().tear_down()

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{name}"

    def add(self, name: str, data: bytes, content_type: str = "image/jpeg") -> str:
        """Serve ``data``; return the URL."""
        return self.on(name, lambda handler: handler.reply(200, data, content_type))

    def validated(
        self, name: str, data: bytes, *, etag: str | None = None, last_modified: str | None = None
    ) -> str:
        """Serve an image with validators; respond 304 if the request's match (RFC 9110, 13.2.2)."""
        own = {"ETag": etag, "Last-Modified": last_modified}
        headers = {key: value for key, value in own.items() if value is not None}

        def answer(handler: _Handler) -> None:
            tags = handler.headers.get("If-None-Match")
            since = handler.headers.get("If-Modified-Since")
            known = tags == etag if tags is not None else since == last_modified
            if (tags or since) and known:
                handler.reply(304, b"", "image/jpeg", headers)
            else:
                handler.reply(200, data, "image/jpeg", headers)

        return self.on(name, answer)

    def add_everywhere(self, data: bytes) -> None:
        """Serve ``data`` at every path without a response of its own."""
        self.everywhere(lambda handler: handler.reply(200, data, "image/jpeg"))

    def everywhere(self, answer: Answer) -> None:
        """Call ``answer`` for every path without a response of its own."""
        self._fallback = answer

    def on(self, name: str, answer: Answer) -> str:
        """Call ``answer`` for each request of a path; return the URL."""
        self._answers[f"/{name}"] = answer
        return self.url(name)

    def status(self, name: str, status: int, headers: dict[str, str] | None = None) -> str:
        """Always respond with this status and a text body."""
        return self.on(name, lambda h: h.reply(status, b"no", "text/plain", headers or {}))

    def failing_first(self, name: str, data: bytes, times: int = 1, status: int = 503) -> str:
        """Respond with ``status`` to the first ``times`` requests, then with the image."""

        def answer(handler: _Handler) -> None:
            if self.requests[f"/{name}"] <= times:
                handler.reply(status, b"later", "text/plain")
            else:
                handler.reply(200, data, "image/jpeg")

        return self.on(name, answer)

    def sequence(self, name: str, *answers: Answer) -> str:
        """Give the n-th request the n-th of ``answers``, and further requests the last one."""

        def answer(handler: _Handler) -> None:
            answers[min(self.requests[f"/{name}"], len(answers)) - 1](handler)

        return self.on(name, answer)

    def slow(self, name: str, data: bytes, seconds: float) -> str:
        """Respond with the image after ``seconds``, or earlier if the host stops."""

        def answer(handler: _Handler) -> None:
            self._stopping.wait(seconds)
            handler.reply(200, data, "image/jpeg")

        return self.on(name, answer)

    def wait(self, seconds: float) -> bool:
        """Wait within a response; return whether the host stops."""
        return self._stopping.wait(seconds)

    def slowed(self, name: str, seconds: float) -> str:
        """Delay the present response of ``name`` by ``seconds`` from now on."""
        before = self._answers[f"/{name}"]

        def answer(handler: _Handler) -> None:
            self._stopping.wait(seconds)
            before(handler)

        return self.on(name, answer)

    def html(self, name: str) -> str:
        """Respond with a web page that claims to be a JPEG, as error pages of shops do."""
        return self.add(name, b"<!DOCTYPE html><html><body>Not here</body></html>")

    def truncated(self, name: str, data: bytes) -> str:
        """Send half of the announced bytes, then close the connection."""

        def answer(handler: _Handler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(data)))
            handler.end_headers()
            handler.wfile.write(data[: len(data) // 2])
            handler.close_connection = True

        return self.on(name, answer)

    def reset(self, name: str, data: bytes = b"") -> str:
        """Reset the connection, before any response or in the middle of ``data``."""
        return self.on(name, lambda handler: handler.reset(data))

    def chunked(self, name: str, data: bytes) -> str:
        """Respond with the image in chunks, without a Content-Length."""

        def answer(handler: _Handler) -> None:
            handler.send_response(200)
            handler.send_header("Transfer-Encoding", "chunked")
            handler.end_headers()
            for at in range(0, len(data), 65536):
                piece = data[at : at + 65536]
                handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            handler.wfile.write(b"0\r\n\r\n")

        return self.on(name, answer)

    def redirect(self, name: str, target: str, status: int = 302) -> str:
        return self.on(name, lambda h: h.reply(status, b"", "text/plain", {"Location": target}))

    def count_answer(self, status: int, size: int) -> None:
        with self._lock:
            self.statuses[status] += 1
            self.body_bytes += size

    def forget(self) -> None:
        """Reset all counts."""
        with self._lock:
            self.requests.clear()
            self.statuses.clear()
            self.body_bytes = 0

    def answer(self, handler: _Handler) -> None:
        """Respond to a request; the server calls this for each one."""
        path = urlsplit(handler.path).path
        with self._lock:
            self.requests[path] += 1
            self.headers = dict(handler.headers.items())
            self.targets.append(handler.requestline.split(" ", 1)[1].rpartition(" ")[0])
            self.concurrent += 1
            self.most_concurrent = max(self.most_concurrent, self.concurrent)
        try:
            self._answers.get(path, self._fallback)(handler)
        except (BrokenPipeError, ConnectionResetError):
            handler.close_connection = True
        finally:
            with self._lock:
                self.concurrent -= 1


class _Server(ThreadingHTTPServer):
    host: ImageHost
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Ignore errors: tests make clients disconnect."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.host.answer(self)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.host.answer(self)

    def reply(
        self, status: int, data: bytes, content_type: str, headers: dict[str, str] | None = None
    ) -> None:
        self.server.host.count_answer(status, len(data))
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        if status != 304:
            self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def reset(self, data: bytes = b"") -> None:
        """Send half of ``data``, if any, then reset the connection (RST instead of FIN)."""
        if data:
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2])
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())

    def log_message(self, *_: object) -> None:
        """Log nothing."""
