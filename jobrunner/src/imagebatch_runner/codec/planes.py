"""JPEG to smaller or turned JPEG by its planes: no RGB between, and chroma scaled once.

Pillow decodes, so that what is damaged fails as everywhere; scaling and the Huffman tables are the
native library's.
"""

from __future__ import annotations

import contextlib
import struct
from typing import Any, BinaryIO, Final

from PIL import ExifTags, Image

from . import coefficients, encode, pixels, quantisation, segments
from .optional import simplejpeg

#: How a picture is turned that has this orientation.
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ON_ITS_SIDE: Final = range(5, 9)


def takes(image: Image.Image) -> bool:
    """``image`` is open and not yet decoded."""
    return (
        coefficients.AVAILABLE
        and simplejpeg() is not None
        and (image.mode == "L" or (image.mode == "RGB" and _is_ycc(image)))
        and not pixels.has_other_colours(image)
    )


def compress(
    image: Image.Image,
    limits: tuple[int | None, int | None],
    quality: int,
    out: BinaryIO,
    *,
    small: bool,
) -> tuple[int, int] | None:
    """Within ``limits`` (width, height; of the upright picture) and with ``quality`` into the empty
    ``out``; the size of the result.

    ``image`` is in draft for YCbCr or L. ``None``, with nothing written, when it is for the general
    way, decoded but else as it was. Raises what Pillow does where it is damaged.
    """
    orientation = _orientation(image)
    turned = orientation in _ON_ITS_SIDE
    size = pixels.fitted_size(image.size, *(reversed(limits) if turned else limits))
    image.load()
    coarse = encode.subsampling(quality) == "4:2:0"
    made = []
    for number, plane in enumerate(image.split()):
        one = _scaled(plane, size, 2 if coarse and number else 1)
        if one is None:
            return None
        made.append(one.transpose(_TURNS[orientation]) if orientation in _TURNS else one)
    data = _encoded(made, encode.FINEST if small else quality)
    width, height = made[0].size
    target = quantisation.small(quality) if small else None
    if data is None or not coefficients.recode(data, target, out):
        return None
    return width, height


def _scaled(plane: Image.Image, size: tuple[int, int], share: int) -> Image.Image | None:
    """To a ``share`` of ``size`` each way; 2 for chroma that mostly was so coarse in the input."""
    by = (plane.width / size[0], plane.height / size[1])
    to = (-(-size[0] // share), -(-size[1] // share))
    if share != 1:
        plane = plane.reduce(share)
    if by == (1.0, 1.0):
        return plane
    data = coefficients.scaled(plane.tobytes(), plane.size, to, by)
    return None if data is None else Image.frombytes("L", to, data)


def _encoded(planes: list[Image.Image], quality: int) -> bytes | None:
    """With standard Huffman tables; the planes' sizes are the subsampling."""
    import numpy as np  # noqa: PLC0415 - comes with simplejpeg

    arrays: list[Any] = [np.asarray(plane) for plane in planes]
    width, height = planes[0].size
    if len(planes) > 1 and planes[1].size != planes[0].size:
        # libjpeg-turbo reads luma up to where chroma ends.
        arrays[0] = np.pad(arrays[0], ((0, height % 2), (0, width % 2)), mode="edge")
    arrays += [None] * (3 - len(arrays))
    with contextlib.suppress(ValueError, MemoryError):
        data = bytearray(simplejpeg().encode_jpeg_yuv_planes(*arrays, quality=quality))
        # What was added is in the last blocks anyway: without it the size is another, and no more.
        frame = next(one for one in segments.of_jpeg(data) if one.marker == segments.SOF0)
        data[frame.start + 5 : frame.start + 9] = struct.pack(">HH", height, width)
        return bytes(data)
    return None


def _is_ycc(image: Image.Image) -> bool:
    """As libjpeg decides it."""
    if "jfif" in image.info:
        return True
    if "adobe" in image.info:
        return image.info.get("adobe_transform") == 1
    return [layer[0] for layer in getattr(image, "layer", ())] == [1, 2, 3]


def _orientation(image: Image.Image) -> int:
    # Pillow parses EXIF lazily and raises whatever its bytes provoke; damaged EXIF turns nothing.
    with contextlib.suppress(Exception):
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    return 1
