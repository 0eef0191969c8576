"""Remove the metadata of an image that is kept because compression did not make it smaller.

Its pixels stay byte for byte, and so does an orientation where the picture is stored turned.
"""

from __future__ import annotations

import contextlib
import struct
from io import BytesIO

from PIL import ExifTags, Image

from imagebatch_core.formats import Kind

from .formats import FORMATS


def stripped(data: bytes, kind: Kind) -> bytes:
    """``data`` without its metadata; ``data`` itself where it has none, or where the format's
    metadata cannot be removed."""
    strip = FORMATS[kind].strip
    if strip is None:
        return data
    try:
        return strip(data, _orientation(data, kind))
    except (ValueError, struct.error, IndexError):
        return data


def _orientation(data: bytes, kind: Kind) -> bytes:
    """EXIF data with the orientation alone, of an even length; empty for an upright picture."""
    with (
        contextlib.suppress(Exception),
        Image.open(BytesIO(data), formats=(kind.name,)) as image,
    ):
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        if orientation in range(2, 9):
            exif = Image.Exif()
            exif[ExifTags.Base.Orientation] = orientation
            tiff = exif.tobytes().removeprefix(b"Exif\0\0")
            return tiff + bytes(len(tiff) & 1)
    return b""
