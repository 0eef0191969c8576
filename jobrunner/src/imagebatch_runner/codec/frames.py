"""How many frames a file holds, counted no further than is asked.

Before decoding: all frames of an animation are in memory at once, and a decoder's own count may
walk through millions of them. Plain Python on hostile input, as :mod:`.sniff`.
"""

from __future__ import annotations

from itertools import islice
from typing import Final

from . import gifblocks
from .sniff import Kind

#: Formats that can hold an animation; elsewhere the first frame is taken.
ANIMATING: Final = frozenset({Kind.WEBP, Kind.AVIF, Kind.GIF, Kind.PNG})
#: The list of brands of an AVIF lies within this many bytes.
_BRANDS: Final = 256
#: Chunks that are passed: more than the largest file has that is not made to have them.
_STEPS: Final = 500_000


def count(kind: Kind, data: bytes, most: int) -> int | None:
    """Frames of ``data``, at most ``most``; ``None`` if they are several and only a decoder knows.

    What is damaged counts as its end; a file of no animated kind has one frame.
    """
    match kind:
        case Kind.GIF:
            return _gif(data, most)
        case Kind.WEBP:
            return _webp(data, most)
        case Kind.PNG:
            return _png(data, most)
        case Kind.AVIF:
            return None if b"avis" in data[8:_BRANDS] else 1
        case _:
            return 1


def _gif(data: bytes, most: int) -> int | None:
    try:
        return max(1, sum(1 for _ in islice(gifblocks.images(data), most)))
    except gifblocks.TooManyBlocks:
        return None


def _webp(data: bytes, most: int) -> int | None:
    """One ``ANMF`` chunk for each frame of an extended file."""
    at, frames = 12, 0
    for _ in range(_STEPS):
        if at + 8 > len(data) or frames >= most:
            return max(1, frames)
        frames += data[at : at + 4] == b"ANMF"
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + size + size % 2
    return None


def _png(data: bytes, most: int) -> int | None:
    """What ``acTL``, which stands before the pixels, announces (PNG, third edition, 11.3.6.1)."""
    at = 8
    for _ in range(_STEPS):
        name = data[at + 4 : at + 8]
        if name == b"acTL":
            return max(1, min(most, int.from_bytes(data[at + 8 : at + 12], "big")))
        if name == b"IDAT" or at + 12 > len(data):
            return 1
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    return None
