"""A URL as logs, statuses, events and webhooks may show it: scheme, host and path only.

A user's password and a signature in the query give access; they are nobody else's business.
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
    """Scheme, host, port and path of a URL; the path of a relative one.

    What cannot be taken apart for sure is hidden: ``https://user:pass/word@host/`` names, to a
    parser, the host ``user``.
    """
    absolute = _ABSOLUTE.match(url)
    if absolute is not None:
        return f"{absolute['scheme']}//{absolute['host']}{absolute['path']}"
    scheme = _SCHEME.match(url)
    if scheme is not None:
        return scheme[0] + _HIDDEN
    path = _PATH.match(url)
    assert path is not None  # noqa: S101 - it matches nothing, too
    return _HIDDEN if url[path.end() : path.end() + 1] == "@" else path[0]
