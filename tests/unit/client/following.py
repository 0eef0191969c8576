"""A gateway whose events a test sends one by one, at a port of this machine."""

from __future__ import annotations

import json
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from unit.client.gateway import a_request


class EventGateway:
    """``tell(status="processing", images={…})`` sends an event to whoever follows."""

    def __init__(self) -> None:
        events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._events = events

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                while (document := events.get()) is not None:
                    data = json.dumps(document)
                    self.wfile.write(f"id: 1\nevent: status\ndata: {data}\n\n".encode())
                    self.wfile.flush()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def tell(self, **changes: Any) -> None:
        self._events.put(a_request(**changes))

    def close(self) -> None:
        self._events.put(None)
        self._server.shutdown()
        self._server.server_close()
