"""Find the images of a GIF (GIF89a, appendix A) without decoding their pixels.

Like :mod:`.sizes`, this is plain Python on hostile input.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_IMAGE, _EXTENSION, _END = 0x2C, 0x21, 0x3B
#: Bytes of the header with the screen descriptor, and of an image descriptor.
_SCREEN: Final = 13
_DESCRIPTOR: Final = 9
#: Most blocks that are walked through; only a hostile file has more.
_STEPS: Final = 500_000


class TooManyBlocks(Exception):
    """The file has more than ``_STEPS`` blocks."""


def images(data: bytes) -> Iterator[int]:
    """Yield the position of each image separator; the image descriptor follows it.

    A damaged file is taken to end where the damage is.

    Raises:
        TooManyBlocks: the file has too many blocks to find all images.
    """
    at = _SCREEN + _colours(data, 10)
    in_blocks = False
    for _ in range(_STEPS):
        if at >= len(data):
            return
        kind = data[at]
        if in_blocks:
            in_blocks = kind != 0
            at += kind + 1
        elif kind == _IMAGE:
            yield at
            in_blocks = True
            at += 1 + _DESCRIPTOR + _colours(data, at + _DESCRIPTOR) + 1  # and the LZW code size
        elif kind == _EXTENSION:
            in_blocks = True
            at += 2
        elif kind == _END:
            return
        else:
            at += 1
    raise TooManyBlocks


def _colours(data: bytes, flags: int) -> int:
    """Return the size in bytes of the colour table that a descriptor announces.

    ``flags`` is the position of the descriptor's flags; without a table the size is 0.
    """
    found = data[flags] if flags < len(data) else 0
    return 3 * (2 << (found & 7)) if found & 0x80 else 0
