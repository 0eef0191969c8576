"""Read the width and height from a file's header, with one function for each format.

This is plain Python on hostile input. A damaged header may raise ``struct.error``, ``IndexError``
or ``OverflowError``; the size is then unknown, as if the function had returned ``None``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from imagebatch_core.results import ErrorCode
from imagebatch_runner.failures import ImageFailed

from . import gifblocks

Size = tuple[int, int]

#: Most markers of a JPEG before its frame, and most chunks of a PNG: walking through 64 MiB of fill
#: bytes would take minutes.
_MARKERS: Final = 10_000
#: Most entries of a TIFF's directory, and most boxes of one level of an AVIF. Real files have some
#: dozens; with more the size is unknown.
_ENTRIES: Final = 512


def png(data: bytes) -> Size | None:
    """Return the size in ``IHDR``; ``None`` unless it is the first chunk and occurs only once.

    Decoders use the last one.
    """
    width, height = struct.unpack(">II", data[16:24])
    at = 8
    for _ in range(_MARKERS):
        length, name = struct.unpack(">I4s", data[at : at + 8].ljust(8, b"\0"))
        if (name == b"IHDR") != (at == 8):
            return None
        at += 12 + length
        if name == b"IDAT" or at > len(data):
            return width, height
    return None


def gif(data: bytes) -> Size | None:
    """Return the size of the screen, enlarged by frames that reach beyond it, as decoders do."""
    width, height = struct.unpack("<HH", data[6:10])
    try:
        for at in gifblocks.images(data):
            left, top, across, down = struct.unpack("<4H", data[at + 1 : at + 9])
            width, height = max(width, left + across), max(height, top + down)
    except gifblocks.TooManyBlocks:
        return None
    return width, height


def bmp(data: bytes) -> Size:
    if struct.unpack("<I", data[14:18])[0] == 12:
        width, height = struct.unpack("<HH", data[18:22])
        return width, height
    width, height = struct.unpack("<ii", data[18:26])
    return abs(width), abs(height)


def webp(data: bytes) -> Size | None:
    chunk = data[12:16]
    if chunk == b"VP8X":
        return (
            int.from_bytes(data[24:27], "little") + 1,
            int.from_bytes(data[27:30], "little") + 1,
        )
    if chunk == b"VP8L":
        bits = struct.unpack("<I", data[21:25])[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 ":
        width, height = struct.unpack("<HH", data[26:30])
        return width & 0x3FFF, height & 0x3FFF
    return None


def jpeg(data: bytes) -> Size | None:
    """Return the size in the first start-of-frame segment (ITU-T T.81, B.2.2)."""
    at = 2
    for _ in range(_MARKERS):
        if at + 9 >= len(data) or data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:  # markers without a length
            at += 2
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        elif marker == 0xDA:
            return None
        else:
            at += 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
    raise ImageFailed(ErrorCode.CORRUPT, f"more than {_MARKERS} markers before the picture")


def tiff(data: bytes) -> Size | None:
    """Return ImageWidth and ImageLength of the first directory (TIFF 6.0, section 2; BigTIFF)."""
    order = "<" if data[:2] == b"II" else ">"
    if data[2:4] in (b"+\0", b"\0+"):
        at = struct.unpack(order + "Q", data[8:16])[0]
        count, first, step, value = struct.unpack(order + "Q", data[at : at + 8])[0], 8, 20, 12
    else:
        at = struct.unpack(order + "I", data[4:8])[0]
        count, first, step, value = struct.unpack(order + "H", data[at : at + 2])[0], 2, 12, 8
    if count > _ENTRIES:
        return None
    found: dict[int, int] = {}
    for entry in range(at + first, at + first + step * count, step):
        tag, type_ = struct.unpack(order + "HH", data[entry : entry + 4])
        form = {3: "H", 4: "I", 16: "Q"}.get(type_)
        if tag in (256, 257) and form is not None:
            start = entry + value
            size = struct.calcsize(form)
            number = struct.unpack(order + form, data[start : start + size])[0]
            if found.setdefault(tag, number) != number:
                return None  # only the decoder knows which of the two numbers it uses
    return (found[256], found[257]) if len(found) == 2 else None


def avif(data: bytes) -> Size | None:
    """Return the size of the largest item (ISO/IEC 23008-12, 6.5.3): grid tiles and thumbnails are
    items, too."""
    properties = _box(data, 0, len(data), (b"meta", b"iprp", b"ipco"))
    sizes = [
        struct.unpack(">II", data[start + 4 : start + 12])
        for name, start, _end in _boxes(data, *properties)
        if name == b"ispe"
    ]
    return max(sizes, key=lambda size: size[0] * size[1], default=None)


def _box(data: bytes, start: int, end: int, path: tuple[bytes, ...]) -> tuple[int, int]:
    """Return start and end of the content of the box at ``path``; equal if there is no such box."""
    for wanted in path:
        found = next(((a, b) for name, a, b in _boxes(data, start, end) if name == wanted), None)
        if found is None:
            return (0, 0)
        start, end = found
        start += 4 if wanted == b"meta" else 0  # version and flags
    return start, end


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield each box's name and the start and end of its content (ISO/IEC 14496-12, 4.2).

    Raises:
        OverflowError: there are more than ``_ENTRIES`` boxes.
    """
    for _ in range(_ENTRIES):
        if start + 8 > end:
            return
        size, name = struct.unpack(">I4s", data[start : start + 8])
        head = 8
        if size == 1:
            size, head = struct.unpack(">Q", data[start + 8 : start + 16])[0], 16
        stop = end if size == 0 else min(start + size, end)
        if size != 0 and size < head:
            return
        yield name, start + head, stop
        start = stop
    raise OverflowError("too many boxes")
