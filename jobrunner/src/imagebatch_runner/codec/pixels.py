"""Prepare the pixels of a decoded frame for encoding: orientation, colours, transparency, size.

The order matters. Orientation comes first, because the size limits apply to the upright picture.
Colours are converted next, because profiles describe the stored mode. Then comes transparency, and
scaling last.
"""

from __future__ import annotations

import contextlib
from functools import lru_cache
from io import BytesIO
from typing import Any, Final

from PIL import ExifTags, Image, ImageCms, ImageOps

from imagebatch_core.formats import Kind

from .formats import FORMATS
from .options import CodecOptions

#: Scaling first averages boxes, down to no less than this many times the target size.
_REDUCING_GAP: Final = 3.0
_ON_ITS_SIDE: Final = range(5, 9)
#: Modes in which a PNG may have one transparent colour, each with its mode that has alpha.
_KEYED: Final = {"1": "LA", "L": "LA", "RGB": "RGBA"}
#: Modes whose colours a profile can describe.
_COLOURED: Final = frozenset({"RGB", "RGBA", "CMYK", "LAB", "P", "PA"})


def upright(frame: Image.Image) -> None:
    """Turn the frame by its EXIF orientation, in place. Damaged EXIF data counts as none."""
    frame.load()
    # Pillow parses EXIF data lazily and may raise any error for damaged data.
    with contextlib.suppress(Exception):
        ImageOps.exif_transpose(frame, in_place=True)


def orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8, without decoding ``image``.

    It is 1 if the data is damaged or holds another number, as in :func:`upright`.
    """
    found: Any = 1
    with contextlib.suppress(Exception):
        found = image.getexif().get(ExifTags.Base.Orientation, 1)
    return int(found) if found in range(1, 9) else 1


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Return the size that a JPEG has after :func:`upright`, without decoding it."""
    return image.size[::-1] if orientation(image) in _ON_ITS_SIDE else image.size


def to_srgb(frame: Image.Image) -> Image.Image:
    """Return the frame in sRGB with 8 bits a channel, in mode L, LA, RGB, RGBA or P."""
    if frame.mode in ("I", "F") or frame.mode.startswith("I;16"):
        return _sixteen_bits_to_eight(frame)
    if frame.mode in _KEYED and "transparency" in frame.info:
        # One colour stands for transparent. Scaling would mix it with its neighbours, and only PNG
        # can store it.
        frame = frame.convert(_KEYED[frame.mode])
    if frame.mode == "1":
        return frame.convert("L")
    profile = frame.info.get("icc_profile")
    if isinstance(profile, bytes) and profile:
        converted = _through_profile(frame, profile)
        if converted is not None:
            return converted
    if frame.mode == "PA":  # hardly any format can store this mode
        return palette_to_direct(frame)
    if frame.mode in ("L", "LA", "RGB", "RGBA", "P"):
        return frame
    return frame.convert("RGBA" if frame.mode in ("RGBa", "La") else "RGB")


def has_other_colours(image: Image.Image) -> bool:
    """Return whether :func:`to_srgb` would convert colours by a profile, without decoding
    ``image``."""
    profile = image.info.get("icc_profile")
    if image.mode != "RGB" or not isinstance(profile, bytes) or not profile:
        return False
    try:
        return _transform(profile, image.mode, "RGB") is not None
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return False


def on_white(frame: Image.Image) -> Image.Image:
    """Return the frame without transparency, laid on a white background."""
    if frame.mode == "RGBA" or frame.has_transparency_data:
        frame = frame if frame.mode == "RGBA" else frame.convert("RGBA")
        white = Image.new("RGB", frame.size, "white")
        # alpha_composite would hold two more copies of a large image.
        white.paste(frame, mask=frame.getchannel("A"))
        return white
    return frame


def prepared(
    image: Image.Image,
    target: Kind,
    options: CodecOptions,
    whole: tuple[int, int],
    *,
    keep_palette: bool = True,
) -> Image.Image:
    """Return the pixels to encode, from an upright image or a frame of an animation.

    ``whole`` is the full size of the picture; the decoder may have scaled it down already. Without
    ``keep_palette`` each pixel gets its own colour.
    """
    size = fitted_size(whole, options.max_width, options.max_height)
    frame = to_srgb(image)
    keep_palette = keep_palette and FORMATS[target].palette and size == frame.size
    if frame.mode == "P" and not keep_palette:
        frame = palette_to_direct(frame)
    if not FORMATS[target].alpha:
        frame = on_white(frame)
    return scaled(frame, size)


def palette_to_direct(frame: Image.Image) -> Image.Image:
    """Return the frame with a colour for each pixel, because a palette cannot be scaled."""
    return frame.convert(_direct(frame))


def _direct(frame: Image.Image) -> str:
    return "RGBA" if frame.has_transparency_data else "RGB"


def fitted_size(
    size: tuple[int, int], max_width: int | None, max_height: int | None
) -> tuple[int, int]:
    """Return the largest size within both limits that keeps the proportions, at most ``size``."""
    width, height = size
    scale = min((max_width or width) / width, (max_height or height) / height, 1.0)
    if scale == 1.0:
        return size
    return max(1, round(width * scale)), max(1, round(height * scale))


def scaled(frame: Image.Image, size: tuple[int, int]) -> Image.Image:
    if size == frame.size:
        return frame
    return frame.resize(size, Image.Resampling.LANCZOS, reducing_gap=_REDUCING_GAP)


def _sixteen_bits_to_eight(frame: Image.Image) -> Image.Image:
    """Return the frame with 8 bits: its values are divided.

    Pillow's own conversion would clip the values and turn nearly all pixels white.
    """
    if frame.mode == "F":
        low, high = frame.getextrema()
        if not isinstance(low, float) or not isinstance(high, float) or high <= 1.0:
            return frame.point(lambda value: value * 255.0).convert("L")
        return frame.point(lambda value: value * (255.0 / max(high, 255.0))).convert("L")
    return frame.convert("I").point(lambda value: value * (1 / 256)).convert("L")


def _through_profile(frame: Image.Image, profile: bytes) -> Image.Image | None:
    """Return the frame in sRGB; ``None`` if it is sRGB already or the profile cannot be used."""
    if frame.mode not in _COLOURED:
        return None
    palette = frame.mode in ("P", "PA")
    mode = _direct(frame) if palette else frame.mode
    try:
        transform = _transform(profile, mode, "RGBA" if mode == "RGBA" else "RGB")
        if transform is None:
            return None
        return ImageCms.applyTransform(palette_to_direct(frame) if palette else frame, transform)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str, target: str) -> ImageCms.ImageCmsTransform | None:
    """Return the conversion from ``profile`` to sRGB; ``None`` if the profile is sRGB.

    It is cached, because shops use few profiles and building it takes longer than applying it to a
    thumbnail.
    """
    source = ImageCms.ImageCmsProfile(BytesIO(profile))
    if mode.startswith("RGB") and "srgb" in (source.profile.profile_description or "").lower():
        return None
    return ImageCms.buildTransform(
        source,
        ImageCms.createProfile("sRGB"),
        mode,
        target,
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
