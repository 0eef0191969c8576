"""How coarsely JPEG coefficients are written, by quality and profile."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import Final

from PIL import Image

from . import segments

#: Of ImageMagick (N. Robidoux), MozJPEG's third, for luma and chroma, in zigzag order: as good to
#: the eye for fewer bytes than the standard's example, which is all that others write.
_ROBIDOUX: Final = (
    16, 16, 16, 16, 17, 16, 18, 20, 20, 18, 25, 27, 24, 27, 25, 37, 34, 31, 31, 34, 37, 56, 40,
    43, 40, 43, 40, 56, 85, 53, 62, 53, 53, 62, 53, 85, 75, 91, 74, 69, 74, 91, 75, 135, 106, 94,
    94, 106, 135, 156, 131, 124, 131, 156, 189, 169, 169, 189, 238, 226, 238, 311, 311, 418,
)  # fmt: skip


#: What a bit is worth, for luma and chroma, in squares of 1/256 of a step; then what it is worth
#: more for each 1024 of the squares of a block's AC values: noise hides errors. Measured at
#: quality 50: 1 % fewer bytes than MozJPEG, which does the like, for the same SSIMULACRA2; the
#: same at 75.
_BIT: Final = (6000, 6000, 200, 100)


@dataclass(frozen=True, slots=True)
class Quantisation:
    """Steps 1..255 in zigzag order, for luma and chroma, and the distortion that a bit is worth
    (``jpeg_requantise`` of native/jpeg.h)."""

    luma: tuple[int, ...]
    chroma: tuple[int, ...]
    bit: tuple[int, int, int, int] = (0, 0, 0, 0)


@lru_cache(maxsize=16)
def usual(quality: int) -> Quantisation:
    """The standard's example as libjpeg scales it, and so everybody."""
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
    """Fewer bytes for the same look; the scale of ``quality`` is libjpeg's."""
    percent = 5000 / quality if quality < 50 else 200 - 2 * quality
    table = tuple(min(255, max(1, int((step * percent + 50) // 100))) for step in _ROBIDOUX)
    return Quantisation(table, table, _BIT)
