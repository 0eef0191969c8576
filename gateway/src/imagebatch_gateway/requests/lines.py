"""The lines of a large object, from any offset on, a piece at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from imagebatch_gateway.backends.objects import PIECE, Objects

#: Bytes of the first piece: most pages end within it.
FIRST_PIECE: Final = 1024 * 1024


async def read_lines(
    objects: Objects, key: str, start: int, end: int | None = None
) -> AsyncIterator[list[bytes]]:
    """Whole lines without their ends. ``start`` and ``end`` must be beginnings of lines."""
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
