"""Find the images of a GIF (GIF89a, appendix A) without decoding their pixels.

Plain Python on hostile input, as :mod:`.sizes`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_IMAGE, _EXTENSION, _END = 0x2C, 0x21, 0x3B
#: Bytes of the header with the screen's descriptor, and of an image's descriptor.
_SCREEN: Final = 13
_DESCRIPTOR: Final = 9
#: Blocks that are walked through: more than any file has that was not made to have many.
_STEPS: Final = 500_000


class TooManyBlocks(Exception):
    """The file has more blocks than are walked through."""


def images(data: bytes) -> Iterator[int]:
    """The position of each image's separator, after which its descriptor follows. A damaged file
    is taken to end where the damage is.

    Raises:
        TooManyBlocks: there may be more images.
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
    """The size in bytes of the colour table that a descriptor's flags announce; ``flags`` is their
    position."""
    found = data[flags] if flags < len(data) else 0
    return 3 * (2 << (found & 7)) if found & 0x80 else 0
