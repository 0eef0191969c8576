"""Metadata out of a file whose picture stays as it is, byte for byte.

For images that are kept because nothing smaller came of them. What remains is what the picture
needs to look the same: colour profile, colour model, transparency, and an orientation where it is
not the usual one. JPEG, PNG and WebP; files of other kinds are kept whole.
"""

from __future__ import annotations

import contextlib
import re
import struct
import zlib
from io import BytesIO
from typing import Final

from PIL import ExifTags, Image

from . import segments
from .sniff import Kind

#: In entropy-coded data FF is followed by 0, a restart number or another FF; this is a marker.
_MARKER: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_PNG_METADATA: Final = frozenset({b"eXIf", b"tEXt", b"zTXt", b"iTXt", b"tIME"})
_PNG_END: Final = struct.pack(">I4sI", 0, b"IEND", zlib.crc32(b"IEND"))
#: VP8X flags (WebP container specification).
_WEBP_EXIF, _WEBP_XMP = 0x08, 0x04


def stripped(data: bytes, kind: Kind) -> bytes:
    """``data`` without its metadata; ``data`` itself where there is none, or no way to tell."""
    strip = {Kind.JPEG: _jpeg, Kind.PNG: _png, Kind.WEBP: _webp}.get(kind)
    if strip is None:
        return data
    try:
        return strip(data, _orientation(data, kind))
    except (ValueError, struct.error, IndexError):
        return data


def _jpeg(data: bytes, orientation: bytes) -> bytes:
    kept = [data[:2]]
    at = 2
    for segment in segments.of_jpeg(data):
        body = data[segment.start + 4 : segment.end]
        if orientation and segment.marker not in (segments.APP0, segments.COM):
            exif = b"Exif\0\0" + orientation  # before all but JFIF, as its standard has it
            kept.append(b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif)
            orientation = b""
        if not segments.is_metadata(segment.marker, body):
            kept.append(data[segment.start : segment.end])
        at = segment.end
    # What follows the end is another picture or nobody's: previews, gain maps.
    while found := _MARKER.search(data, at):
        if data[found.start() + 1] == 0xD9:
            return b"".join([*kept, data[at : found.end()]])
        end = found.end() + int.from_bytes(data[found.end() : found.end() + 2], "big")
        kept.append(data[at:end])
        at = end
    raise ValueError("no end of image")


def _png(data: bytes, orientation: bytes) -> bytes:
    kept = [data[:8]]
    at = 8
    pictured = False
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
        pictured = pictured or name == b"IDAT"
        at = end
    if not pictured:
        raise ValueError("no pixels")
    # Decoders do without the end, or with half of what follows the pixels: no reason to keep it.
    return b"".join([*kept, _PNG_END])


def _webp(data: bytes, orientation: bytes) -> bytes:
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


def _orientation(data: bytes, kind: Kind) -> bytes:
    """EXIF of nothing but the orientation, of an even number of bytes; empty for the usual one."""
    with (
        contextlib.suppress(Exception),
        Image.open(BytesIO(data), formats=(kind.value.upper(),)) as image,
    ):
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        if orientation in range(2, 9):
            exif = Image.Exif()
            exif[ExifTags.Base.Orientation] = orientation
            tiff = exif.tobytes().removeprefix(b"Exif\0\0")
            return tiff + bytes(len(tiff) & 1)
    return b""
