"""Remove the metadata of an image that is kept because compression did not make it smaller.

Its pixels stay byte for byte. An orientation stays if the picture is stored turned.
"""

from __future__ import annotations

import contextlib
import struct
from io import BytesIO

from PIL import ExifTags, Image

from imagebatch_core.formats import Kind

from .formats import FORMATS


def stripped(data: bytes, kind: Kind) -> bytes:
    """Return ``data`` without its metadata, or ``data`` itself if it has none or the metadata of
    this format cannot be removed."""
    strip = FORMATS[kind].strip
    if strip is None:
        return data
    try:
        return strip(data, _orientation(data, kind))
    except (ValueError, struct.error, IndexError):
        return data


def _orientation(data: bytes, kind: Kind) -> bytes:
    """Return EXIF data of only the orientation, of even length; empty for an upright picture."""
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
