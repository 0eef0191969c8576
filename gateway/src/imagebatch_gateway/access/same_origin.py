"""Tell the calls of the gateway's own page from those that a foreign page makes a browser send."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def from_foreign_page(request: HTTPConnection, method: str, *, strict: bool) -> bool:
    """Return whether a foreign page may have caused this write; reads never count.

    Browsers say it in ``Sec-Fetch-Site``, and over plain HTTP, where they do not, in ``Origin``.
    Programs send neither: that passes, unless ``strict``, as for a session's cookie, which no
    program has.
    """
    if method in _SAFE:
        return False
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site != "same-origin"
    origin = request.headers.get("Origin")
    if origin is not None:
        return urlsplit(origin).netloc.lower() != request.headers.get("Host", "").lower()
    return strict
