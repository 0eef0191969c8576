"""Remove the metadata from a file and keep its pixels byte for byte, one function for each format.

Colour profile, colour model and transparency stay, because the picture needs them to look the same.
The argument ``orientation`` is the EXIF data that must stay: only an orientation, or empty if the
picture is stored upright.

A function raises ``ValueError``, ``struct.error`` or ``IndexError`` for a file that it cannot read.
"""

from __future__ import annotations

import re
import struct
import zlib
from typing import Final

from . import segments

#: A marker: in entropy-coded data FF is followed by 0, a restart number or another FF.
_MARKER: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_PNG_METADATA: Final = frozenset({b"eXIf", b"tEXt", b"zTXt", b"iTXt", b"tIME"})
_PNG_END: Final = struct.pack(">I4sI", 0, b"IEND", zlib.crc32(b"IEND"))
#: VP8X flags (WebP container specification).
_WEBP_EXIF, _WEBP_XMP = 0x08, 0x04


def jpeg(data: bytes, orientation: bytes) -> bytes:
    kept = [data[:2]]
    at = 2
    for segment in segments.of_jpeg(data):
        body = data[segment.start + 4 : segment.end]
        if orientation and segment.marker not in (segments.APP0, segments.COM):
            exif = b"Exif\0\0" + orientation  # EXIF must come before all segments but JFIF
            kept.append(b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif)
            orientation = b""
        if not segments.is_metadata(segment.marker, body):
            kept.append(data[segment.start : segment.end])
        at = segment.end
    # Data after the end of the image is not needed: previews, gain maps and the like.
    while found := _MARKER.search(data, at):
        if data[found.start() + 1] == 0xD9:
            return b"".join([*kept, data[at : found.end()]])
        end = found.end() + int.from_bytes(data[found.end() : found.end() + 2], "big")
        kept.append(data[at:end])
        at = end
    raise ValueError("no end of image")


def png(data: bytes, orientation: bytes) -> bytes:
    kept = [data[:8]]
    at = 8
    has_pixels = False
    while at + 8 <= len(data):
        length, name = struct.unpack(">I4s", data[at : at + 8])
        end = at + 12 + length
        if name == b"IEND" or (end > len(data) and name != b"IDAT"):
            break
        if end > len(data):
            raise ValueError("pixels that do not end")
        if name not in _PNG_METADATA:
            kept.append(data[at:end])
        if name == b"IHDR" and orientation:
            check = zlib.crc32(b"eXIf" + orientation)
            kept.append(struct.pack(">I4s", len(orientation), b"eXIf") + orientation)
            kept.append(struct.pack(">I", check))
        has_pixels = has_pixels or name == b"IDAT"
        at = end
    if not has_pixels:
        raise ValueError("no pixels")
    # A missing end or a truncated chunk after the pixels does no harm: decoders need neither.
    return b"".join([*kept, _PNG_END])


def webp(data: bytes, orientation: bytes) -> bytes:
    size = struct.unpack("<I", data[4:8])[0] + 8
    if size > len(data):
        raise ValueError("shorter than it says")
    kept: list[bytes] = []
    at = 12
    while at + 8 <= size:
        name, length = struct.unpack("<4sI", data[at : at + 8])
        end = at + 8 + length + (length & 1)
        chunk = data[at:end]
        if name == b"VP8X":
            flags = chunk[8] & ~(_WEBP_EXIF | _WEBP_XMP) | (_WEBP_EXIF if orientation else 0)
            chunk = chunk[:8] + bytes([flags]) + chunk[9:]
        if name not in (b"EXIF", b"XMP "):
            kept.append(chunk)
        at = end
    if orientation:
        kept.append(struct.pack("<4sI", b"EXIF", len(orientation)) + orientation)
    body = b"".join(kept)
    return struct.pack("<4sI4s", b"RIFF", len(body) + 4, b"WEBP") + body
