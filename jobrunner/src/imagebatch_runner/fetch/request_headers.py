"""Check the headers that an operator adds to requests: they must not change the request itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # a token (RFC 9110, 5.6.2)
_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?")  # field-content, ASCII alone
_VALUE_LIMIT: Final = 8192

#: Headers about framing and connection (RFC 9110, 9112), and headers that lead to a response that
#: the runner cannot read: another encoding, a part of the body, a 304 without it.
_REFUSED: Final = frozenset(
    {
        "accept-encoding", "connection", "content-encoding", "content-length", "content-type",
        "expect", "host", "if-match", "if-modified-since", "if-none-match", "if-range",
        "if-unmodified-since", "keep-alive", "proxy-authorization", "proxy-connection", "range",
        "te", "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip


def checked_headers(headers: Mapping[str, str]) -> str | None:
    """Return what is wrong with the headers, without their values; ``None`` if they may be sent."""
    seen: set[str] = set()
    for number, (name, value) in enumerate(headers.items(), start=1):
        if not _NAME.fullmatch(name):
            return f"the name of header {number} is no header name"
        if name.lower() in _REFUSED:
            return f"header {name}: it would change the request itself"
        if name.lower() in seen:
            return f"header {name} stands twice"
        seen.add(name.lower())
        if len(value) > _VALUE_LIMIT or not _VALUE.fullmatch(value):
            return (
                f"header {name}: its value must be 1 to {_VALUE_LIMIT} printable ASCII characters"
            )
    return None
