"""Detect requests that a page of another site makes a browser send (CSRF)."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def from_foreign_page(request: HTTPConnection, method: str, *, strict: bool) -> bool:
    """Return whether a page of another site may have caused this write; False for reads.

    Browsers send ``Sec-Fetch-Site`` or, over plain HTTP, ``Origin``. Programs send neither. A
    request with neither is accepted unless ``strict``, which is used for session cookies, because
    only browsers have them.
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
