"""Run a server of :mod:`http.server` in a thread."""

from __future__ import annotations

import threading
from http.server import ThreadingHTTPServer

from hosttools.service import Service

#: Seconds between two checks whether to stop. They do not delay requests.
_LOOK_SECONDS = 0.05


class HttpService(Service):
    """A server that runs during its ``with`` block."""

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
