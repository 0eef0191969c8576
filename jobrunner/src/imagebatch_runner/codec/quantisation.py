"""The quantisation tables of JPEGs, by quality and profile."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import Final

from PIL import Image

from . import segments

#: For chroma: N. Robidoux's table for ImageMagick, MozJPEG's third table, in zigzag order.
_ROBIDOUX: Final = (
    16, 16, 16, 16, 17, 16, 18, 20, 20, 18, 25, 27, 24, 27, 25, 37, 34, 31, 31, 34, 37, 56, 40,
    43, 40, 43, 40, 56, 85, 53, 62, 53, 53, 62, 53, 85, 75, 91, 74, 69, 74, 91, 75, 135, 106, 94,
    94, 106, 135, 156, 131, 124, 131, 156, 189, 169, 169, 189, 238, 226, 238, 311, 311, 418,
)  # fmt: skip
#: For luma: _ROBIDOUX, relative to 16, to the power of 0.6, times 1.2. Measured on 35 photographs,
#: as JPEGs of several qualities and as PNGs: for the same SSIMULACRA2 or SSIM it takes fewer bytes
#: than steeper and flatter tables. DC is finer than AC, because banding is visible.
_FLATTER: Final = (
    14, 19, 19, 19, 20, 19, 21, 22, 22, 21, 25, 26, 24, 26, 25, 32, 30, 29, 29, 30, 32, 41, 33, 35,
    33, 35, 33, 41, 52, 39, 43, 39, 39, 43, 39, 52, 49, 54, 48, 46, 48, 54, 49, 69, 60, 56, 56, 60,
    69, 75, 68, 66, 68, 75, 84, 79, 79, 84, 97, 94, 97, 114, 114, 136,
)  # fmt: skip
#: The distortion that one bit is worth, for luma and chroma, in squares of 1/256 of a step. _BUSIER
#: is added to it at quality 50, for each 1024 of the sum of the squares of a block's AC values,
#: because noise hides errors. Both were measured as above.
_BIT: Final = (4500, 6500)
_BUSIER: Final = (150, 100)
#: A DC step of 8 is one level of gray. With steps of whole levels, decoding does not round the mean
#: of a block again, which saves more than the finer step costs.
_LEVEL: Final = 8


@dataclass(frozen=True, slots=True)
class Quantisation:
    """Quantisation tables of a JPEG: the steps for luma and chroma, 1 to 255, in zigzag order.

    ``bit`` is the distortion that one bit is worth: ``lambda`` of ``requantise_direct`` in
    native/jpeg.h.
    """

    luma: tuple[int, ...]
    chroma: tuple[int, ...]
    bit: tuple[int, int, int, int] = (0, 0, 0, 0)


@lru_cache(maxsize=16)
def usual(quality: int) -> Quantisation:
    """Return the standard's example tables, scaled to ``quality`` by libjpeg. Nearly all encoders
    use them."""
    buffer = BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG", quality=quality)
    data = buffer.getvalue()
    tables: list[tuple[int, ...]] = []
    for segment in segments.of_jpeg(data):
        if segment.marker == segments.DQT:
            body = data[segment.start + 4 : segment.end]
            tables += [tuple(body[at : at + 64]) for at in range(1, len(body), 65)]
    return Quantisation(tables[0], tables[1])


@lru_cache(maxsize=16)
def small(quality: int) -> Quantisation:
    """Return the tables of the profile small, which take fewer bytes for the same look.

    ``quality`` scales them as in libjpeg.
    """
    percent = 5000 / quality if quality < 50 else 200 - 2 * quality
    luma, chroma = (round(each * percent / 100) for each in _BUSIER)
    return Quantisation(
        _scaled(_FLATTER, percent, up=0), _scaled(_ROBIDOUX, percent, up=3), (*_BIT, luma, chroma)
    )


def _scaled(table: tuple[int, ...], percent: float, *, up: int) -> tuple[int, ...]:
    """Return ``table`` scaled to ``percent``; a DC step of 6 or more becomes whole levels of gray.

    It is rounded up if it is at most ``up`` below the next level, otherwise down, but not below one
    level.
    """
    dc, *ac = (min(255, max(1, int((step * percent + 50) // 100))) for step in table)
    if dc >= _LEVEL - 2:
        dc = max(_LEVEL, (dc + up) // _LEVEL * _LEVEL)
    return (min(dc, 248), *ac)
