"""Byte ranges (RFC 9110, 14). A request for several ranges at once gets the whole object."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_RANGE: Final = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.IGNORECASE)


class Unsatisfiable(ValueError):
    """The requested range contains no byte of the object."""


@dataclass(frozen=True, slots=True)
class ByteRange:
    """The bytes from ``start`` to before ``end`` of an object of ``size`` bytes."""

    start: int
    end: int
    size: int

    @property
    def header(self) -> str:
        return f"bytes {self.start}-{self.end - 1}/{self.size}"


def asked_range(
    header: str | None, if_range: str | None, etag: str | None, size: int
) -> ByteRange | None:
    """Parse a Range header for an object of ``size`` bytes.

    Returns ``None`` when the whole object must be sent: there is no header, the header is not a
    single valid byte range, or ``if_range`` (the If-Range header) does not equal ``etag``. If-Range
    compares strongly: a weak tag never matches.

    Raises:
        Unsatisfiable: the object has no byte in the range.
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or match.groups() == ("", ""):
        return None
    if if_range is not None and (if_range != etag or if_range.startswith("W/")):
        return None
    first, last = match.groups()
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    if start >= end:
        raise Unsatisfiable
    return ByteRange(start, end, size)
