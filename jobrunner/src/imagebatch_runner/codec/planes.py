"""Scale a JPEG down, or turn it, with the native library.

The library works on the planes of luma and chroma, without a conversion to RGB, and chroma never
gets finer than it was. Pillow decodes what the library refuses, so that the same images are
accepted and the same ones fail with and without the library.
"""

from __future__ import annotations

from typing import BinaryIO, Final

from PIL import Image

from . import coefficients, pixels, quantisation
from .formats import jpeg_subsampling
from .rawfile import Bytes

#: The most source samples for one sample of the result, in each direction (native/scale.c).
_MOST_OF_FILTER: Final = 10


def takes(image: Image.Image) -> bool:
    """Return whether ``image`` needs no colour conversion, without decoding it."""
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
    """Write ``data``, scaled and upright, into the empty ``out`` and return its new size in pixels.

    ``image`` is the opened ``data``; ``limits`` are the maximum width and height of the upright
    picture. Return ``None``, with nothing written, if the library refuses the image.
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
    """Return to how many eighths of its size a block is decoded, to scale ``size`` to ``wanted``.

    Fewer eighths take less time but make the picture softer than the filter alone would. The
    difference cannot be seen if the decoded picture is an eighth larger than ``wanted`` and blocks
    have at least 2 eighths. The result is 1 only where the filter could not reduce 2 to ``wanted``.
    """
    times = min(more / less for more, less in zip(size, wanted, strict=True))
    enough = min(8, max(-(-9 * less // more) for more, less in zip(size, wanted, strict=True)))
    return enough if times > _MOST_OF_FILTER * 4 else max(2, enough)
