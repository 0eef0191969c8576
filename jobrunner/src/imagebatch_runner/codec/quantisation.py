"""The quantisation of JPEGs, by quality and profile."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import Final

from PIL import Image

from . import segments

#: The table of N. Robidoux for ImageMagick, which is MozJPEG's third, in zigzag order; for chroma.
_ROBIDOUX: Final = (
    16, 16, 16, 16, 17, 16, 18, 20, 20, 18, 25, 27, 24, 27, 25, 37, 34, 31, 31, 34, 37, 56, 40,
    43, 40, 43, 40, 56, 85, 53, 62, 53, 53, 62, 53, 85, 75, 91, 74, 69, 74, 91, 75, 135, 106, 94,
    94, 106, 135, 156, 131, 124, 131, 156, 189, 169, 169, 189, 238, 226, 238, 311, 311, 418,
)  # fmt: skip
#: For luma: that table, relative to 16, to the power of 0.6, times 1.2. Measured on 35 photographs,
#: as JPEGs of several qualities and as PNGs: for the same SSIMULACRA2 or SSIM it takes fewer bytes
#: than steeper and flatter tables. DC is finer than AC, as banding is visible.
_FLATTER: Final = (
    14, 19, 19, 19, 20, 19, 21, 22, 22, 21, 25, 26, 24, 26, 25, 32, 30, 29, 29, 30, 32, 41, 33, 35,
    33, 35, 33, 41, 52, 39, 43, 39, 39, 43, 39, 52, 49, 54, 48, 46, 48, 54, 49, 69, 60, 56, 56, 60,
    69, 75, 68, 66, 68, 75, 84, 79, 79, 84, 97, 94, 97, 114, 114, 136,
)  # fmt: skip
#: The distortion that one bit is worth, for luma and chroma, in squares of 1/256 of a step; then
#: what is added at quality 50 for each 1024 of the sum of the squares of a block's AC values, as
#: noise hides errors. Measured in the same way.
_BIT: Final = (4500, 6500)
_BUSIER: Final = (150, 100)
#: A DC step of 8 is one level of gray. With steps of whole levels the mean of a block is not
#: rounded again when it is decoded, which saves more than the finer step costs.
_LEVEL: Final = 8


@dataclass(frozen=True, slots=True)
class Quantisation:
    """Steps, 1 to 255, in zigzag order, for luma and chroma; and ``lambda`` of
    ``requantise_direct`` in native/jpeg.h, the distortion that one bit is worth."""

    luma: tuple[int, ...]
    chroma: tuple[int, ...]
    bit: tuple[int, int, int, int] = (0, 0, 0, 0)


@lru_cache(maxsize=16)
def usual(quality: int) -> Quantisation:
    """The example tables of the standard, scaled by libjpeg, which nearly all encoders use."""
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
    """The tables of the profile small: fewer bytes for the same look. ``quality`` scales as in
    libjpeg."""
    percent = 5000 / quality if quality < 50 else 200 - 2 * quality
    luma, chroma = (round(each * percent / 100) for each in _BUSIER)
    return Quantisation(
        _scaled(_FLATTER, percent, up=0), _scaled(_ROBIDOUX, percent, up=3), (*_BIT, luma, chroma)
    )


def _scaled(table: tuple[int, ...], percent: float, *, up: int) -> tuple[int, ...]:
    """The table at a percentage. DC is set to whole levels of gray: to the next one from ``up``
    steps below it on, else to the previous one."""
    dc, *ac = (min(255, max(1, int((step * percent + 50) // 100))) for step in table)
    if dc >= _LEVEL - 2:
        dc = max(_LEVEL, (dc + up) // _LEVEL * _LEVEL)
    return (min(dc, 248), *ac)
