"""The fast way for a JPEG whose pixels need nothing but another quality.

Most images of a shop are such. Whether one is, Pillow's reading of the header says; a JPEG that is
refused on the way here takes the general way, so that what is accepted and what fails is the same
with and without the native library.
"""

from __future__ import annotations

from typing import BinaryIO

from PIL import Image

from . import coefficients, pixels, quantisation
from .formats import jpeg_subsampling
from .rawfile import Bytes


def is_plain(image: Image.Image) -> bool:
    """Nothing to turn and no colour to convert; ``image`` is open and not yet decoded."""
    return (
        image.mode in ("RGB", "L")
        and pixels.orientation(image) == 1
        and not pixels.has_other_colours(image)
    )


def compress(data: Bytes, quality: int, out: BinaryIO, *, small: bool = False) -> bool:
    """Write the plain ``data`` with ``quality`` into the empty ``out``.

    False, with nothing written, when it is not of a kind that has a fast way, or is damaged. What
    is written may be larger than ``data``.
    """
    target = quantisation.small(quality) if small else quantisation.usual(quality)
    # Finer chroma than the encoder's own choice would cost bytes, coarser cannot be mended.
    return coefficients.recode(data, target, out, coarse=jpeg_subsampling(quality) == "4:2:0")
