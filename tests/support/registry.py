"""The part of an image registry (OCI distribution) that a push needs, in memory.

``with Registry() as registry:`` serves http on a free loopback port.
"""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from support.httpservice import HttpService


class Registry(HttpService):
    """The registry. ``manifests`` are keyed by ``name:tag``, ``blobs`` by digest."""

    def __init__(self) -> None:
        self.manifests: dict[str, dict[str, Any]] = {}
        self.blobs: dict[str, bytes] = {}
        self.uploads: dict[str, bytes] = {}
        server = _Server(("127.0.0.1", 0), _Handler)
        server.registry = self
        super().__init__(server)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


class _Server(ThreadingHTTPServer):
    registry: Registry


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(200 if self.path == "/v2/" else 404)

    def do_HEAD(self) -> None:
        digest = self.path.rpartition("/")[2]
        self._answer(200 if digest in self.server.registry.blobs else 404)

    def do_POST(self) -> None:
        upload = str(uuid4())
        self.server.registry.uploads[upload] = self._body()
        self._answer(202, {"Location": f"{urlsplit(self.path).path.rstrip('/')}/{upload}"})

    def do_PATCH(self) -> None:
        path = urlsplit(self.path).path
        self.server.registry.uploads[path.rpartition("/")[2]] += self._body()
        self._answer(202, {"Location": path})

    def do_PUT(self) -> None:
        registry, parts = self.server.registry, urlsplit(self.path)
        place, _, last = parts.path.rpartition("/")
        if place.endswith("/manifests"):
            name = place.removeprefix("/v2/").removesuffix("/manifests")
            registry.manifests[f"{name}:{last}"] = json.loads(self._body())
        else:
            digest = parse_qs(parts.query)["digest"][0]
            registry.blobs[digest] = registry.uploads.pop(last) + self._body()
        self._answer(201)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        data = b""
        while size := int(self.rfile.readline(), 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data

    def _answer(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing."""
