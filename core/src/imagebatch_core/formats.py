"""The table of image formats: names, media types, extensions and first bytes.

The codec's table, ``imagebatch_runner.codec.formats``, has what decoding and encoding need. This
module does not import pydantic, so that decoder processes start quickly.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, Self

#: The brands of an ISO base media file are read up to this byte.
_LAST_BRAND: Final = 256
_AVIF: Final = (b"avif", b"avis")


def _begins(pattern: bytes) -> Callable[[bytes], bool]:
    compiled = re.compile(pattern, re.DOTALL)
    return lambda data: compiled.match(data) is not None


def _has_brand(*wanted: bytes, unless: Sequence[bytes] = ()) -> Callable[[bytes], bool]:
    def matches(data: bytes) -> bool:
        found = brands(data)
        return not found.isdisjoint(wanted) and found.isdisjoint(unless)

    return matches


def brands(data: bytes) -> frozenset[bytes]:
    """Return the brands in the ``ftyp`` box of an ISO base media file (ISO/IEC 14496-12, 4.3).

    Other files have none.
    """
    if data[4:8] != b"ftyp":
        return frozenset()
    end = min(int.from_bytes(data[:4], "big"), _LAST_BRAND)
    return frozenset(data[at : at + 4] for at in (8, *range(16, end, 4)))


class Kind(StrEnum):
    """An image format that is read and written; the value is its name in specs and reports."""

    media_type: str
    extensions: tuple[str, ...]
    #: Whether the first bytes of a file are those of this format.
    matches: Callable[[bytes], bool]

    # Without the star, type checkers would also require the row in Kind("jpeg").
    def __new__(cls, value: str, *row: Any) -> Self:
        kind = str.__new__(cls, value)
        kind._value_ = value
        kind.media_type, kind.extensions, kind.matches = row
        return kind

    JPEG = "jpeg", "image/jpeg", ("jpg", "jpeg", "jpe", "jfif"), _begins(rb"\xff\xd8\xff")
    PNG = "png", "image/png", ("png",), _begins(rb"\x89PNG\r\n\x1a\n")
    WEBP = "webp", "image/webp", ("webp",), _begins(rb"RIFF.{4}WEBP")
    AVIF = "avif", "image/avif", ("avif",), _has_brand(*_AVIF)
    GIF = "gif", "image/gif", ("gif",), _begins(rb"GIF8[79]a")
    TIFF = "tiff", "image/tiff", ("tif", "tiff"), _begins(rb"II[*+]\0|MM\0[*+]")
    # The size of the second header is below 256; text that begins with BM has no zeros there.
    BMP = "bmp", "image/bmp", ("bmp",), _begins(rb"BM.{13}\0\0\0.{9}")

    @property
    def extension(self) -> str:
        """The extension of outputs, without the dot."""
        return self.extensions[0]


class Format(StrEnum):
    """The values of ``spec.output.format``: a :class:`Kind`, or each image's own format."""

    JPEG = Kind.JPEG.value
    WEBP = Kind.WEBP.value
    AVIF = Kind.AVIF.value
    PNG = Kind.PNG.value
    ORIGINAL = "original"


#: Image formats that are recognised by their first bytes but not supported.
UNSUPPORTED: Final[Mapping[str, Callable[[bytes], bool]]] = {
    "HEIC": _has_brand(b"heic", b"heix", b"heif", b"mif1", b"msf1", b"hevc", unless=_AVIF),
    "JPEG 2000": _begins(rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51"),
    "JPEG XL": _begins(rb"\xff\x0a|\0\0\0\x0cJXL "),
    "JPEG XR": _begins(rb"II\xbc"),
    "Photoshop": _begins(rb"8BPS"),
    "icon (ICO)": _begins(rb"\0\0\x01\0"),
}
#: Formats that browsers do not show.
NOT_IN_BROWSERS: Final = frozenset({Kind.TIFF})
#: Extension, in lower case and without the dot → format.
BY_EXTENSION: Final = {extension: kind for kind in Kind for extension in kind.extensions}


def kind_of(data: bytes) -> Kind | None:
    """Return the format of a file that begins with ``data``; ``None`` if it is none of these."""
    return next((kind for kind in Kind if kind.matches(data)), None)


def unsupported_format(data: bytes) -> str | None:
    """Return the name of the unsupported image format that ``data`` begins like, if any."""
    return next((name for name, matches in UNSUPPORTED.items() if matches(data)), None)
