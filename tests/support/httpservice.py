"""A server of :mod:`http.server` in a thread of its own."""

from __future__ import annotations

import threading
from http.server import ThreadingHTTPServer

from hosttools.service import Service

#: Seconds between looks at whether to stop; no request waits for them.
_LOOK_SECONDS = 0.05


class HttpService(Service):
    """Answers from the start of its block to the end."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        server.daemon_threads = True
        self._http = server
        self._thread = threading.Thread(target=server.serve_forever, args=(_LOOK_SECONDS,))

    @property
    def port(self) -> int:
        return self._http.server_port

    def set_up(self) -> None:
        self._thread.start()

    def tear_down(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
