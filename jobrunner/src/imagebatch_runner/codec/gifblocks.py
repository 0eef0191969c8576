"""Where the images of a GIF stand (GIF89a, appendix A), without a look at their pixels.

Plain Python on hostile input, as :mod:`.sniff`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_IMAGE, _EXTENSION, _END = 0x2C, 0x21, 0x3B
#: Bytes of header with screen, and of an image's descriptor.
_SCREEN: Final = 13
_DESCRIPTOR: Final = 9
#: Blocks that are passed: more than the largest file has that is not made to have them.
_STEPS: Final = 500_000


class TooManyBlocks(Exception):
    """Only a decoder knows how the file goes on."""


def images(data: bytes) -> Iterator[int]:
    """The position of each image's separator, which its descriptor follows; what is damaged counts
    as the end.

    Raises:
        TooManyBlocks: there may be more of them.
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
            at += 1 + _DESCRIPTOR + _colours(data, at + _DESCRIPTOR) + 1  # and the code size
        elif kind == _EXTENSION:
            in_blocks = True
            at += 2
        elif kind == _END:
            return
        else:
            at += 1
    raise TooManyBlocks


def _colours(data: bytes, flags: int) -> int:
    """Bytes of the colour table that the flags of a descriptor, which lie there, announce."""
    found = data[flags] if flags < len(data) else 0
    return 3 * (2 << (found & 7)) if found & 0x80 else 0
