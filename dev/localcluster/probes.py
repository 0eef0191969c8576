"""Readiness probes. Each takes at most about a second."""

from __future__ import annotations

import http.client
import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

_SECONDS = 1.0


def answers(probe: str) -> bool:
    """Return whether a probe succeeds; an empty probe always does.

    A probe is ``unix:PATH``, ``tcp:HOST:PORT``, ``device:NAME``, ``file:PATH`` or an http(s) URL.
    For https any certificate is accepted, because the request only asks for health and sends no
    secret.
    """
    kind, _, rest = probe.partition(":")
    try:
        match kind:
            case "":
                return True
            case "unix":
                with socket.socket(socket.AF_UNIX) as client:
                    client.settimeout(_SECONDS)
                    client.connect(rest)
                return True
            case "tcp":
                host, _, port = rest.rpartition(":")
                socket.create_connection((host, int(port)), _SECONDS).close()
                return True
            case "file":
                return Path(rest).exists()
            case "device":
                # /proc/net follows the reader's network namespace, /sys the mounter's.
                return f"{rest}:" in Path("/proc/self/net/dev").read_text()
            case _:
                return _get(probe) == http.client.OK
    except (OSError, http.client.HTTPException):
        return False


def _get(url: str) -> int:
    parts = urlsplit(url)
    host = parts.netloc
    client: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        client = http.client.HTTPSConnection(host, timeout=_SECONDS, context=context)
    else:
        client = http.client.HTTPConnection(host, timeout=_SECONDS)
    try:
        client.request("GET", parts.path or "/")
        return client.getresponse().status
    finally:
        client.close()
