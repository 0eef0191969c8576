"""The encoders and their settings, one place for each format's trade of time against bytes.

Measured on photographs (ratios, one run): JPEG with optimised Huffman tables is 9 % smaller for a
fifth more time than without; WebP method 2 costs half of method 4 for 8 % more bytes.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any, BinaryIO, Final

from PIL import Image

from . import boxes, coefficients, quantisation
from .rawfile import write_all
from .sniff import Kind

#: The JPEG quality whose quantisation steps are all 1.
FINEST: Final = 100
#: Formats without alpha.
OPAQUE: Final = frozenset({Kind.JPEG})
#: Formats that store palette images as they are.
PALETTE: Final = frozenset({Kind.PNG, Kind.GIF, Kind.TIFF, Kind.BMP})
#: Formats that take metadata, and under which names.
_METADATA: Final = {
    Kind.JPEG: ("exif", "xmp"),
    Kind.WEBP: ("exif", "xmp"),
    Kind.AVIF: ("exif", "xmp"),
    Kind.PNG: ("exif",),
    Kind.TIFF: ("exif",),
}
#: Bytes of metadata that a JPEG's segment holds, beside the longest of their names.
_SEGMENT: Final = 65_533 - 29


def carried(image: Image.Image) -> dict[str, bytes]:
    """EXIF (its orientation already applied) and XMP of an upright image, for ``keep``."""
    found: dict[str, bytes] = {}
    exif = image.getexif()
    if len(exif):
        found["exif"] = exif.tobytes()
    xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    if isinstance(xmp, str):
        xmp = xmp.encode()
    if isinstance(xmp, bytes):
        found["xmp"] = xmp
    return found


def still(
    frame: Image.Image,
    target: Kind,
    *,
    quality: int,
    small: bool,
    metadata: dict[str, bytes],
    out: BinaryIO,
    fast: bool = True,
) -> None:
    """Encode one frame into ``out``, which has a ``fileno``: Pillow then writes straight to it,
    without the interpreter lock and faster than to memory. ``fast`` as in
    :func:`.transcode.compress`.
    """
    taken = {
        name: metadata[name]
        for name in _METADATA.get(target, ())
        if name in metadata and (target is not Kind.JPEG or len(metadata[name]) <= _SEGMENT)
    }
    # What Pillow would otherwise copy from the input: comments, profiles, text chunks, EXIF.
    frame = _without_info(frame)
    chosen = settings(target, quality, small) | taken
    if target is not Kind.JPEG:
        frame.save(out, target.value.upper(), **chosen)
    elif not small:
        _jpeg(frame, chosen, out)
    elif taken or not fast or not _by_coefficients(frame, quality, out):
        _smaller_of_both(frame, chosen, out)


def _by_coefficients(frame: Image.Image, quality: int, out: BinaryIO) -> bool:
    """All coefficients from Pillow, in steps of 1; which of them to keep is not Pillow's choice."""
    if not coefficients.AVAILABLE:
        return False
    finest = BytesIO()
    frame.save(finest, "JPEG", quality=FINEST, subsampling=subsampling(quality))
    return coefficients.recode(finest.getvalue(), quantisation.small(quality), out)


def _jpeg(frame: Image.Image, chosen: dict[str, Any], out: BinaryIO) -> None:
    """To make tables for an image, Pillow holds all of it in a buffer, which is too small for noise
    in fine steps. The usual tables take none."""
    try:
        frame.save(out, "JPEG", **chosen)
    except OSError:
        out.seek(0)
        out.truncate()
        frame.save(out, "JPEG", **chosen | {"optimize": False})


def _smaller_of_both(frame: Image.Image, chosen: dict[str, Any], out: BinaryIO) -> None:
    """Progressive pays from some size on; below it the baseline is smaller."""
    _jpeg(frame, chosen, out)
    progressive = BytesIO()
    try:
        frame.save(progressive, "JPEG", **chosen | {"progressive": True})
    except OSError:  # noise, as above
        return
    if progressive.tell() < out.tell():
        out.seek(0)
        out.truncate()
        write_all(out, progressive.getvalue())


def animation(
    frames: list[Image.Image],
    durations: list[int],
    target: Kind,
    *,
    loop: int,
    quality: int,
    small: bool,
    out: BinaryIO,
) -> None:
    """``durations`` in milliseconds, one for each frame; ``loop`` 0 is for ever."""
    first, *rest = [_without_info(frame) for frame in frames]
    first.save(
        out,
        target.value.upper(),
        save_all=True,
        append_images=rest,
        duration=durations,
        loop=loop,
        **settings(target, quality, small),
    )
    if target is Kind.AVIF:
        boxes.forget_times(out)


def subsampling(quality: int) -> str:
    """Of chroma in JPEG."""
    return "4:2:0" if quality < 90 else "4:4:4"


def settings(target: Kind, quality: int, small: bool) -> dict[str, Any]:
    """Keyword arguments of Pillow's ``save``."""
    match target:
        case Kind.JPEG:
            return {
                "quality": quality,
                "subsampling": subsampling(quality),
                "optimize": True,
            }
        case Kind.WEBP:
            return {"quality": quality, "method": 4 if small else 2}
        case Kind.AVIF:
            # One thread: workers are processes already, and the bytes depend on the tiling.
            return {"quality": quality, "speed": 6 if small else 8, "max_threads": 1}
        case Kind.PNG:
            return {"optimize": True} if small else {"compress_level": 6}
        case Kind.GIF:
            return {"optimize": True}
        case Kind.TIFF:
            return {"compression": "tiff_adobe_deflate"}
        case Kind.BMP:
            return {}


def _without_info(frame: Image.Image) -> Image.Image:
    """A frame that shares the pixels and nothing else, transparency of palettes excepted."""
    bare = frame._new(frame.im)  # copy() would double the memory of the pixels
    transparency = frame.info.get("transparency")
    bare.info = {} if transparency is None else {"transparency": transparency}
    return bare
