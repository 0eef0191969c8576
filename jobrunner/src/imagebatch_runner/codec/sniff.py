"""Detect a file's format from its first bytes and, if the header gives it, its size.

This runs in the process that starts the decoders, on hostile input, so it is plain Python and never
decodes. It checks, before any decoder sees the bytes, that they are an image of a supported format
and that the image is not over the pixel limit.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from imagebatch_core.formats import Kind, brands, kind_of, unsupported_format
from imagebatch_core.results import ErrorCode
from imagebatch_runner.failures import ImageFailed

from .formats import FORMATS

#: The HTML or XML of an error page starts within this many bytes.
_TEXT_WINDOW: Final = 512


@dataclass(frozen=True, slots=True)
class Sniffed:
    """The format and size of an image.

    ``width`` and ``height`` are in pixels as stored, before orientation; ``None`` if unknown.
    """

    kind: Kind
    width: int | None = None
    height: int | None = None

    @property
    def pixels(self) -> int | None:
        return None if self.width is None or self.height is None else self.width * self.height


def sniff(data: bytes, *, max_pixels: int) -> Sniffed:
    """Detect the format and size of the image that ``data`` holds.

    Raises:
        ImageFailed: ``data`` is empty, is not an image, has a format that is not supported, or is
            over ``max_pixels``.
    """
    if not data:
        raise ImageFailed(ErrorCode.EMPTY, "the answer has no content")
    kind = kind_of(data)
    if kind is None:
        raise _refused(data)
    try:
        size = FORMATS[kind].size(data)
    except (struct.error, IndexError, OverflowError):
        size = None  # a damaged or unusual header: the decoder reports what is wrong
    if size is None:
        return Sniffed(kind)
    if size[0] * size[1] > max_pixels:
        raise ImageFailed(
            ErrorCode.TOO_MANY_PIXELS,
            f"{size[0]}x{size[1]} pixels are over the limit of {max_pixels / 1e6:g} million",
        )
    return Sniffed(kind, *size)


def _refused(data: bytes) -> ImageFailed:
    """Return the failure for a file that is no supported image; it names the format if known."""
    name = unsupported_format(data)
    if name is not None:
        return ImageFailed(ErrorCode.UNSUPPORTED_FORMAT, f"{name} images are not supported")
    if brands(data):
        return ImageFailed(ErrorCode.NOT_AN_IMAGE, "a video or other media file, not an image")
    text = data[:_TEXT_WINDOW].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return ImageFailed(ErrorCode.NOT_AN_IMAGE, "a web page, not an image")
    if text.startswith((b"<svg", b"<?xml", b"<!")) and b"<svg" in text:
        return ImageFailed(ErrorCode.UNSUPPORTED_FORMAT, "SVG images are not supported")
    for magic, name in _NO_IMAGES.items():
        if data.startswith(magic):
            return ImageFailed(ErrorCode.NOT_AN_IMAGE, f"{name}, not an image")
    return ImageFailed(ErrorCode.NOT_AN_IMAGE, "the content is no image of a known format")


_NO_IMAGES: Final = {
    b"%PDF": "a PDF document",
    b"PK\3\4": "a ZIP archive",
    b"{": "a JSON document",
    b"<?xml": "an XML document",
    b"\x1f\x8b": "gzip data",
}
