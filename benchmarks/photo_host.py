"""An HTTP server of photographs, in a process whose CPU time is not measured.

``python -m benchmarks.photo_host FILE…`` prints its port and serves until its standard input ends.
``/<n>.jpg`` is the n-th file, counted round, with n in a comment.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from samplehost.photos import numbered


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    photos: Sequence[bytes] = ()


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        number = int(self.path.strip("/").removesuffix(".jpg"))
        photos = self.server.photos
        data = numbered(photos[number % len(photos)], number)
        self.send_response(200)
        self.send_header("Content-Type", "image/jpeg")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def main() -> None:
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.photos = [Path(name).read_bytes() for name in sys.argv[1:]]
        print(server.server_port, flush=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdin.read()
        server.shutdown()


@contextmanager
def serving(photos: Sequence[Path]) -> Iterator[str]:
    """Run the server during the block; yield its base URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.photo_host", *map(str, photos)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None  # noqa: S101 - pipes were asked for
    assert process.stdout is not None  # noqa: S101
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


if __name__ == "__main__":
    main()
