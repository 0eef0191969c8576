"""The fast way for a JPEG whose pixels need nothing but another quality.

Most images of a shop are such. Whether one is, Pillow's reading of the header says; a JPEG that is
refused on the way here takes the general way, so that what is accepted and what fails is the same
with and without the faster codecs.
"""

from __future__ import annotations

import contextlib
from typing import Any, BinaryIO, Final

from PIL import ExifTags, Image

from . import coefficients, encode, pixels, quantisation
from .optional import simplejpeg
from .rawfile import Bytes

#: Luma twice as fine as chroma both ways, and equally fine: sampling factors by component.
_420: Final = [(2, 2), (1, 1), (1, 1)]
_444: Final = [(1, 1), (1, 1), (1, 1)]


def is_plain(image: Image.Image) -> bool:
    """Nothing to turn and no colour to convert; ``image`` is open and not yet decoded."""
    return image.mode in ("RGB", "L") and _is_upright(image) and not pixels.has_other_colours(image)


def compress(
    data: Bytes, image: Image.Image, quality: int, out: BinaryIO, *, small: bool = False
) -> bool:
    """Write ``data``, whose header is ``image``, with ``quality`` into the empty ``out``.

    False, with nothing written, when it is not of a kind that has a fast way, or is damaged. What
    is written may be larger than ``data``.
    """
    target = quantisation.small(quality) if small else quantisation.usual(quality)
    area = image.width * image.height
    sampling = _sampling(image)
    # Finer chroma than the encoder's own choice would cost bytes, coarser cannot be mended.
    as_wanted = (
        len(sampling) == 1
        or sampling == _420
        or (sampling == _444 and encode.subsampling(quality) == "4:4:4")
    )
    if as_wanted and coefficients.recode(data, target, area, out):
        return True
    # For `small` steps that are all 1: the division is done here.
    again = _through_pixels(data, image, encode.FINEST if small else quality, quality)
    return again is not None and coefficients.recode(again, target if small else None, area, out)


def _through_pixels(data: Bytes, image: Image.Image, quality: int, chroma_of: int) -> bytes | None:
    """With standard Huffman tables, which the caller betters, and the subsampling that belongs to
    the quality ``chroma_of``."""
    codec = simplejpeg()
    if codec is None or not coefficients.AVAILABLE:
        return None
    colours = {"RGB": "RGB", "L": "Gray"}[image.mode]
    sampling = encode.subsampling(chroma_of).replace(":", "") if image.mode == "RGB" else "Gray"
    decoded: Any
    # Damaged, or a kind that it does not take, or more than memory holds.
    with contextlib.suppress(ValueError, MemoryError):
        # Chroma that is made coarse again loses nothing when each sample is just repeated before.
        repeated = sampling == "420" and _sampling(image) == _420
        decoded = codec.decode_jpeg(data, colorspace=colours, strict=True, fastupsample=repeated)
        return bytes(
            codec.encode_jpeg(
                decoded, quality=quality, colorspace=colours, colorsubsampling=sampling
            )
        )
    return None


def _sampling(image: Image.Image) -> list[tuple[int, int]]:
    """Factors across and down, by component; empty where Pillow does not tell."""
    return [(h, v) for _, h, v, _ in getattr(image, "layer", ())]


def _is_upright(image: Image.Image) -> bool:
    # Pillow parses EXIF lazily and raises whatever its bytes provoke; damaged EXIF turns nothing.
    with contextlib.suppress(Exception):
        return image.getexif().get(ExifTags.Base.Orientation, 1) not in range(2, 9)
    return True
