"""What bytes are, from their first few: kind and, where cheap, the size in pixels.

Runs in the parent process on hostile input, so it is plain Python over ``struct`` and never
decodes. It decides three things before any decoder sees the bytes: that they are an image at all,
that we take its kind, and that it is not larger than the pixel limit.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from imagebatch_core.results import ErrorCode
from imagebatch_runner.failures import ImageFailed

from . import gifblocks

#: The HTML or XML of an error page starts within this many bytes.
_TEXT_WINDOW = 512
#: Markers of a JPEG before its frame, fill bytes included: 64 MiB of them would take minutes.
_MARKERS = 10_000
#: Entries of a directory and boxes of a level that are looked at; real files have some dozens, and
#: of one with more the size is unknown.
_ENTRIES = 512


class Kind(StrEnum):
    """The kinds that are decoded; the value is the name that codecs and reports use."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    AVIF = "avif"
    GIF = "gif"
    TIFF = "tiff"
    BMP = "bmp"

    @property
    def extension(self) -> str:
        return {"jpeg": "jpg", "tiff": "tif"}.get(self.value, self.value)

    @property
    def content_type(self) -> str:
        return f"image/{self.value}"


@dataclass(frozen=True, slots=True)
class Sniffed:
    """``width`` and ``height`` in pixels as stored, before orientation; ``None`` if unknown."""

    kind: Kind
    width: int | None = None
    height: int | None = None

    @property
    def pixels(self) -> int | None:
        return None if self.width is None or self.height is None else self.width * self.height


def sniff(data: bytes, *, max_pixels: int) -> Sniffed:
    """Tell the kind of image that ``data`` holds.

    Raises:
        ImageFailed: empty, not an image, a kind that is not taken, or over ``max_pixels``.
    """
    if not data:
        raise ImageFailed(ErrorCode.EMPTY, "the answer has no content")
    kind = _kind(data)
    try:
        size = _SIZE[kind](data)
    except (struct.error, IndexError, OverflowError):
        size = None  # a damaged header, or an odd one: the decoder says so in its own words
    if size is None:
        return Sniffed(kind)
    if size[0] * size[1] > max_pixels:
        raise ImageFailed(
            ErrorCode.TOO_MANY_PIXELS,
            f"{size[0]}x{size[1]} pixels are over the limit of {max_pixels / 1e6:g} million",
        )
    return Sniffed(kind, *size)


def _kind(data: bytes) -> Kind:
    if data.startswith(b"\xff\xd8\xff"):
        return Kind.JPEG
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return Kind.PNG
    if data.startswith((b"GIF87a", b"GIF89a")):
        return Kind.GIF
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return Kind.WEBP
    if data[4:8] == b"ftyp":
        return _isobmff(data)
    if data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return Kind.TIFF
    if data.startswith(b"BM") and len(data) > 26:
        return Kind.BMP
    raise _not_taken(data)


def _isobmff(data: bytes) -> Kind:
    size = min(struct.unpack(">I", data[:4])[0], 256)
    brands = {data[i : i + 4] for i in (8, *range(16, size, 4))}
    if brands & {b"avif", b"avis"}:
        return Kind.AVIF
    if brands & {b"heic", b"heix", b"heif", b"mif1", b"msf1", b"hevc"}:
        raise ImageFailed(ErrorCode.UNSUPPORTED_FORMAT, "HEIC images are not supported")
    raise ImageFailed(ErrorCode.NOT_AN_IMAGE, "a video or other media file, not an image")


def _not_taken(data: bytes) -> ImageFailed:
    text = data[:_TEXT_WINDOW].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return ImageFailed(ErrorCode.NOT_AN_IMAGE, "a web page, not an image")
    if text.startswith((b"<svg", b"<?xml", b"<!")) and b"<svg" in text:
        return ImageFailed(ErrorCode.UNSUPPORTED_FORMAT, "SVG images are not supported")
    for magic, name in _OTHER_IMAGES.items():
        if data.startswith(magic):
            return ImageFailed(ErrorCode.UNSUPPORTED_FORMAT, f"{name} images are not supported")
    for magic, name in _NO_IMAGES.items():
        if data.startswith(magic):
            return ImageFailed(ErrorCode.NOT_AN_IMAGE, f"{name}, not an image")
    return ImageFailed(ErrorCode.NOT_AN_IMAGE, "the content is no image of a known kind")


_OTHER_IMAGES = {
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"8BPS": "Photoshop",
    b"\0\0\1\0": "icon (ICO)",
    b"II\xbc": "JPEG XR",
}
_NO_IMAGES = {
    b"%PDF": "a PDF document",
    b"PK\3\4": "a ZIP archive",
    b"{": "a JSON document",
    b"<?xml": "an XML document",
    b"\x1f\x8b": "gzip data",
}


def _png_size(data: bytes) -> tuple[int, int] | None:
    """From ``IHDR``, if it is the first chunk and the only one: decoders go by the last."""
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


def _gif_size(data: bytes) -> tuple[int, int] | None:
    """Of the screen, enlarged as decoders do by frames that reach beyond it."""
    width, height = struct.unpack("<HH", data[6:10])
    try:
        for at in gifblocks.images(data):
            left, top, across, down = struct.unpack("<4H", data[at + 1 : at + 9])
            width, height = max(width, left + across), max(height, top + down)
    except gifblocks.TooManyBlocks:
        return None
    return width, height


def _bmp_size(data: bytes) -> tuple[int, int]:
    if struct.unpack("<I", data[14:18])[0] == 12:
        width, height = struct.unpack("<HH", data[18:22])
        return width, height
    width, height = struct.unpack("<ii", data[18:26])
    return abs(width), abs(height)


def _webp_size(data: bytes) -> tuple[int, int] | None:
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


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """From the first start-of-frame marker (ITU-T T.81, B.2.2)."""
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


def _tiff_size(data: bytes) -> tuple[int, int] | None:
    """ImageWidth and ImageLength of the first directory (TIFF 6.0, section 2; BigTIFF)."""
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
                return None  # which of them counts is the decoder's to say
    return (found[256], found[257]) if len(found) == 2 else None


def _avif_size(data: bytes) -> tuple[int, int] | None:
    """The largest item: a grid's tiles and thumbnails have sizes, too (ISO 23008-12, 6.5.3)."""
    properties = _box(data, 0, len(data), (b"meta", b"iprp", b"ipco"))
    sizes = [
        struct.unpack(">II", data[start + 4 : start + 12])
        for name, start, _end in _boxes(data, *properties)
        if name == b"ispe"
    ]
    return max(sizes, key=lambda size: size[0] * size[1], default=None)


def _box(data: bytes, start: int, end: int, path: tuple[bytes, ...]) -> tuple[int, int]:
    """Where the content of a nested box lies; empty when it is not there."""
    for wanted in path:
        found = next(((a, b) for name, a, b in _boxes(data, start, end) if name == wanted), None)
        if found is None:
            return (0, 0)
        start, end = found
        start += 4 if wanted == b"meta" else 0  # version and flags
    return start, end


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Name and extent of the content of each box (ISO 14496-12, 4.2); bounded in number."""
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
    raise OverflowError("more boxes than are looked at")


_SIZE = {
    Kind.PNG: _png_size,
    Kind.GIF: _gif_size,
    Kind.BMP: _bmp_size,
    Kind.WEBP: _webp_size,
    Kind.JPEG: _jpeg_size,
    Kind.TIFF: _tiff_size,
    Kind.AVIF: _avif_size,
}
