"""Compress a JPEG that needs nothing but another quality, with the native library.

Most images of shops are like that. Pillow reads the header and says which ones are. What the
library refuses is decoded by Pillow, so that the same images are accepted and the same ones fail
with and without the library.
"""

from __future__ import annotations

from typing import BinaryIO

from PIL import Image

from . import coefficients, pixels, quantisation
from .formats import jpeg_subsampling
from .rawfile import Bytes


def is_plain(image: Image.Image) -> bool:
    """Whether there is nothing to turn and no colour to convert. ``image`` need not be decoded."""
    return (
        image.mode in ("RGB", "L")
        and pixels.orientation(image) == 1
        and not pixels.has_other_colours(image)
    )


def compress(data: Bytes, quality: int, out: BinaryIO, *, small: bool = False) -> bool:
    """Write ``data``, for which :func:`is_plain` holds, with ``quality`` into the empty ``out``.

    False, with nothing written, when the library refuses it. The output may be larger than
    ``data``.
    """
    target = quantisation.small(quality) if small else quantisation.usual(quality)
    # Finer chroma than the encoder would write costs bytes; coarser chroma stays as it is.
    return coefficients.recode(data, target, out, coarse=jpeg_subsampling(quality) == "4:2:0")
