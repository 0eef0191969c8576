"""Stands for kubectl, and for the gateway behind its port-forward; the standard library alone.

Run as ``standin.py STATE WORDS…``. STATE is a folder: ``cluster.json`` has the kubeconfig's view
and the Services, ``calls`` gets the command line of each run, ``forwards`` the pid and port of each
port-forward, and ``requests`` path and Authorization of each request.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from http.server import BaseHTTPRequestHandler


def main() -> None:
    state, words = Path(sys.argv[1]), sys.argv[2:]
    cluster = json.loads((state / "cluster.json").read_text())
    note(state / "calls", words)
    words = [word for word in words if not word.startswith(("--context", "--kubeconfig"))]
    if words[:2] == ["config", "view"]:
        print(json.dumps(cluster["view"]))
    elif words[:2] == ["get", "services"]:
        services(cluster, words)
    elif words[0] == "port-forward":
        forward(state, cluster, words[-1])


def note(file: Path, what: Any) -> None:
    with file.open("a") as out:
        out.write(json.dumps(what) + "\n")


def services(cluster: dict[str, Any], words: list[str]) -> None:
    (where,) = [word for word in words if word.startswith(("--namespace=", "--all-namespaces"))]
    allowed = cluster.get("mayList")
    namespace = where.partition("=")[2]
    if allowed is not None and namespace not in allowed:
        sys.exit('Error from server (Forbidden): services is forbidden: User "ann" cannot list')
    items = [
        {
            "metadata": {"namespace": one, "name": "imagebatch-gateway"},
            "spec": {"ports": [{"name": "other", "port": 1}, {"name": "http", "port": 80}]},
        }
        for one in cluster["gateways"]
        if namespace in {"", one}
    ]
    print(json.dumps({"items": items}))


def forward(state: Path, cluster: dict[str, Any], ports: str) -> None:
    if refused := cluster.get("forwardRefused"):
        sys.exit(f"error: {refused}")
    from http.server import ThreadingHTTPServer  # most runs need no server, and start faster

    local = int(ports.partition(":")[0] or 0)
    end = time.monotonic() + 10
    while True:
        try:
            server = ThreadingHTTPServer(("127.0.0.1", local), handler(state, cluster))
            break
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
    note(state / "forwards", [os.getpid(), server.server_port])
    print(f"Forwarding from 127.0.0.1:{server.server_port} -> 8080", flush=True)
    server.serve_forever()


def handler(state: Path, cluster: dict[str, Any]) -> type[BaseHTTPRequestHandler]:
    from http.server import BaseHTTPRequestHandler

    class Gateway(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            note(state / "requests", [self.path, self.headers["Authorization"]])
            print("Handling connection for 80", flush=True)
            if self.path.startswith("/api/me"):
                body = json.dumps(cluster["me"]).encode()
                self.answer("application/json", body)
            elif "/events" in self.path:
                self.answer("text/event-stream", None)
                time.sleep(60)
            else:
                self.answer("application/json", json.dumps({"items": [], "next": None}).encode())

        def answer(self, media_type: str, body: bytes | None) -> None:
            self.send_response(200)
            self.send_header("Content-Type", media_type)
            if body is not None:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body or b": hello\n\n")

        def log_message(self, *_: Any) -> None:
            pass

    return Gateway


if __name__ == "__main__":
    main()
