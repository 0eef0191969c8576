"""Count the frames of a file up to a limit, with one function for each format.

The frames are counted before anything is decoded: all frames of an animation are in memory at once,
and a decoder's own count may walk through millions of them. Like :mod:`.sizes`, this is plain
Python on hostile input. A damaged file is taken to end where the damage is.

Each function returns at most ``most`` frames, and ``None`` if only a decoder knows the number.
"""

from __future__ import annotations

from itertools import islice
from typing import Final

from . import gifblocks

#: An AVIF's list of brands lies within this many bytes from the start.
_BRANDS: Final = 256
#: Most chunks that are walked through; only a hostile file has more.
_STEPS: Final = 500_000


def gif(data: bytes, most: int) -> int | None:
    try:
        return max(1, sum(1 for _ in islice(gifblocks.images(data), most)))
    except gifblocks.TooManyBlocks:
        return None


def webp(data: bytes, most: int) -> int | None:
    """Count the ``ANMF`` chunks: an extended file has one for each frame."""
    at, frames = 12, 0
    for _ in range(_STEPS):
        if at + 8 > len(data) or frames >= most:
            return max(1, frames)
        frames += data[at : at + 4] == b"ANMF"
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + size + size % 2
    return None


def png(data: bytes, most: int) -> int | None:
    """Return the number in the chunk ``acTL`` before the pixels (PNG, third edition, 11.3.6.1)."""
    at = 8
    for _ in range(_STEPS):
        name = data[at + 4 : at + 8]
        if name == b"acTL":
            return max(1, min(most, int.from_bytes(data[at + 8 : at + 12], "big")))
        if name == b"IDAT" or at + 12 > len(data):
            return 1
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    return None


def avif(data: bytes, most: int) -> int | None:
    """Return 1, or ``None`` for a sequence (brand ``avis``), which only a decoder can count."""
    return None if b"avis" in data[8:_BRANDS] else 1
