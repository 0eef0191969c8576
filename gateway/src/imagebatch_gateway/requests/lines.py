"""Reads the lines of a large object piece by piece."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from imagebatch_gateway.backends.objects import PIECE, Objects

#: Bytes of the first piece. It is small, because most callers need no more.
FIRST_PIECE: Final = 1024 * 1024


async def read_lines(
    objects: Objects, key: str, start: int, end: int | None = None
) -> AsyncIterator[list[bytes]]:
    """Yield the lines between two offsets, without their ends, a list for each piece read.

    ``start`` and ``end`` must be offsets at which a line begins; ``end=None`` means the object's
    end.
    """
    at, length, rest = start, FIRST_PIECE, b""
    while end is None or at < end:
        wanted = length if end is None else min(length, end - at)
        found = await objects.read_range(key, at, wanted)
        at += len(found.content)
        length = PIECE
        lines = (rest + found.content).split(b"\n")
        rest = lines.pop()
        yield lines
        if at >= found.size or not found.content:
            break
    if rest:
        yield [rest]
