"""JPEG to smaller or turned JPEG by its planes: no RGB between, and chroma never finer than it was.

The native library does it all, for what it takes; damaged images and all others take the general
way, so that what is accepted and what fails is the same with and without it.
"""

from __future__ import annotations

from typing import BinaryIO, Final

from PIL import Image

from . import coefficients, pixels, quantisation
from .formats import jpeg_subsampling
from .rawfile import Bytes

#: Samples of the source for one of the result, each way (native/scale.c).
_MOST_OF_FILTER: Final = 10


def takes(image: Image.Image) -> bool:
    """No colour to convert; ``image`` is open and not yet decoded."""
    return image.mode in ("RGB", "L") and not pixels.has_other_colours(image)


def compress(
    data: Bytes,
    image: Image.Image,
    limits: tuple[int | None, int | None],
    quality: int,
    out: BinaryIO,
    *,
    small: bool,
) -> tuple[int, int] | None:
    """Write ``data``, whose header is ``image``, within ``limits`` (width, height; of the upright
    picture) and with ``quality`` into the empty ``out``; the size of the result.

    ``None``, with nothing written, when it is for the general way.
    """
    whole = pixels.upright_size(image)
    size = pixels.fitted_size(whole, *limits)
    stored = size if whole == image.size else size[::-1]
    how = coefficients.Resizing(
        eighths=_eighths(image.size, stored),
        width=stored[0],
        height=stored[1],
        orientation=pixels.orientation(image),
        coarse=jpeg_subsampling(quality) == "4:2:0",
    )
    target = quantisation.small(quality) if small else quantisation.usual(quality)
    if not coefficients.resize(data, how, target, out):
        return None
    return size


def _eighths(size: tuple[int, int], wanted: tuple[int, int]) -> int:
    """Of its size that a block is decoded to. Fewer cost less, and are softer than the filter alone
    that takes them to what is ``wanted``; that is not to be seen where they are an eighth more, nor
    where they are 2. Where the filter could not take 2 so far, 1."""
    times = min(more / less for more, less in zip(size, wanted, strict=True))
    enough = min(8, max(-(-9 * less // more) for more, less in zip(size, wanted, strict=True)))
    return enough if times > _MOST_OF_FILTER * 4 else max(2, enough)
