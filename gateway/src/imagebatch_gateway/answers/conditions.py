"""Conditional requests (RFC 9110, 13.1.2)."""

from __future__ import annotations


def matches(if_none_match: str | None, etag: str) -> bool:
    """Return whether an If-None-Match header names ``etag`` or is ``*``.

    Tags are compared weakly, as RFC 9110 requires for this header.
    """
    if if_none_match is None:
        return False
    tags = (tag.strip().removeprefix("W/") for tag in if_none_match.split(","))
    return any(tag in ("*", etag.removeprefix("W/")) for tag in tags)
