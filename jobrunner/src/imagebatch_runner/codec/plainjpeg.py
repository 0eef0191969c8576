"""The fast way for a JPEG whose pixels need nothing but another quality.

Most images of a shop are such. Whether one is, Pillow's reading of the header says; a JPEG that is
refused on the way here takes the general way, so that what is accepted and what fails is the same
with and without the native library.
"""

from __future__ import annotations

import contextlib
from typing import BinaryIO

from PIL import ExifTags, Image

from . import coefficients, encode, pixels, quantisation
from .rawfile import Bytes


def is_plain(image: Image.Image) -> bool:
    """Nothing to turn and no colour to convert; ``image`` is open and not yet decoded."""
    return image.mode in ("RGB", "L") and _is_upright(image) and not pixels.has_other_colours(image)


def compress(data: Bytes, quality: int, out: BinaryIO, *, small: bool = False) -> bool:
    """Write the plain ``data`` with ``quality`` into the empty ``out``.

    False, with nothing written, when it is not of a kind that has a fast way, or is damaged. What
    is written may be larger than ``data``.
    """
    target = quantisation.small(quality) if small else quantisation.usual(quality)
    # Finer chroma than the encoder's own choice would cost bytes, coarser cannot be mended.
    return coefficients.recode(data, target, out, coarse=encode.subsampling(quality) == "4:2:0")


def _is_upright(image: Image.Image) -> bool:
    # Pillow parses EXIF lazily and raises whatever its bytes provoke; damaged EXIF turns nothing.
    with contextlib.suppress(Exception):
        return image.getexif().get(ExifTags.Base.Orientation, 1) not in range(2, 9)
    return True
