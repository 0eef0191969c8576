"""One byte range of an answer (RFC 9110, 14). Several at once are answered with the whole."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_RANGE: Final = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.IGNORECASE)


class Unsatisfiable(ValueError):
    """The range begins after the end."""


@dataclass(frozen=True, slots=True)
class ByteRange:
    """From ``start`` to before ``end`` of ``size`` bytes."""

    start: int
    end: int
    size: int

    @property
    def header(self) -> str:
        return f"bytes {self.start}-{self.end - 1}/{self.size}"


def asked_range(
    header: str | None, if_range: str | None, etag: str | None, size: int
) -> ByteRange | None:
    """``None``: the whole is to be sent, because none is asked for, the header is not understood,
    or what the caller holds a part of has changed since (``If-Range``, which compares strongly).

    Raises:
        Unsatisfiable: nothing of the range exists.
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
