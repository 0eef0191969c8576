"""Reduce a URL to scheme, host and path, for logs, statuses, events and webhooks.

A password in the URL and a signature in the query give access, so they must not be shown.
"""

from __future__ import annotations

import re
from typing import Final

_ABSOLUTE: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*:)//(?:[^/?#]*@)?"
    r"(?P<host>(?:\[[0-9A-Fa-f:.]*\]|[^:/?#\[\]@]+)(?::[0-9]*)?)(?P<path>(?:/[^?#]*)?)(?:[?#]|$)"
)
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PATH: Final = re.compile(r"[^?#@]*")
_HIDDEN: Final = "…"


def shown_url(url: str) -> str:
    """Return scheme, host, port and path of a URL, or the path of a relative one.

    Whatever cannot be parsed with certainty is hidden: a parser takes ``user`` for the host of
    ``https://user:pass/word@host/``.
    """
    absolute = _ABSOLUTE.match(url)
    if absolute is not None:
        return f"{absolute['scheme']}//{absolute['host']}{absolute['path']}"
    scheme = _SCHEME.match(url)
    if scheme is not None:
        return scheme[0] + _HIDDEN
    path = _PATH.match(url)
    assert path is not None  # noqa: S101 - the pattern also matches empty text
    return _HIDDEN if url[path.end() : path.end() + 1] == "@" else path[0]
