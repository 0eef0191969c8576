"""Compress a JPEG that needs nothing but another quality, with the native library.

Most images of shops need nothing else. Pillow reads the header and tells which images these are.
Pillow also decodes what the library refuses, so that the same images are accepted and the same ones
fail with and without the library.
"""

from __future__ import annotations

from typing import BinaryIO

from PIL import Image

from . import coefficients, pixels, quantisation
from .formats import jpeg_subsampling
from .rawfile import Bytes


def is_plain(image: Image.Image) -> bool:
    """Return whether ``image`` is upright and needs no colour conversion, without decoding it."""
    return (
        image.mode in ("RGB", "L")
        and pixels.orientation(image) == 1
        and not pixels.has_other_colours(image)
    )


def compress(data: Bytes, quality: int, out: BinaryIO, *, small: bool = False) -> bool:
    """Write the JPEG ``data``, which :func:`is_plain`, with ``quality`` into the empty ``out``.

    Return False, with nothing written, if the library refuses it. The output may be larger than
    ``data``.
    """
    target = quantisation.small(quality) if small else quantisation.usual(quality)
    # Chroma finer than the quality asks for would cost bytes; coarser chroma stays as it is.
    return coefficients.recode(data, target, out, coarse=jpeg_subsampling(quality) == "4:2:0")
