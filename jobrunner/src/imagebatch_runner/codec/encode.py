"""Encode pixels with Pillow, with the settings of the table of formats."""

from __future__ import annotations

from io import BytesIO
from typing import Any, BinaryIO, Final

from PIL import Image

from imagebatch_core.formats import Kind

from . import boxes, coefficients, quantisation
from .formats import FORMATS, jpeg_subsampling
from .options import CodecOptions
from .rawfile import write_all

#: The JPEG quality whose quantisation steps are all 1.
FINEST: Final = 100
#: Bytes of metadata that fit into a JPEG segment, after the longest name that it may begin with.
_SEGMENT: Final = 65_533 - 29


def carried(image: Image.Image) -> dict[str, bytes]:
    """Return the EXIF and XMP data of an upright image, as ``exif`` and ``xmp`` if there are any.

    The orientation has been applied already and is not in the EXIF data.
    """
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
    options: CodecOptions,
    *,
    metadata: dict[str, bytes],
    out: BinaryIO,
    fast: bool = True,
) -> None:
    """Encode one frame into ``out`` in the format ``target``.

    ``out`` has a ``fileno``: Pillow then writes straight to it, without the interpreter lock and
    faster than to memory. ``fast`` means the same as in :func:`.transcode.compress`.
    """
    taken = {
        name: metadata[name]
        for name in FORMATS[target].metadata
        if name in metadata and (target is not Kind.JPEG or len(metadata[name]) <= _SEGMENT)
    }
    # Otherwise Pillow copies comments, profiles, text chunks and EXIF from the input.
    frame = _without_info(frame)
    chosen = FORMATS[target].settings(options) | taken
    if target is not Kind.JPEG:
        frame.save(out, target.name, **chosen)
    elif not options.small:
        _jpeg(frame, chosen, out)
    elif taken or not fast or not _by_coefficients(frame, options.quality, out):
        _smaller_of_both(frame, chosen, out)


def _by_coefficients(frame: Image.Image, quality: int, out: BinaryIO) -> bool:
    """Encode a JPEG with the native library, from coefficients that Pillow writes in steps of 1.

    Return False, with nothing written, when the library cannot do it.
    """
    if not coefficients.AVAILABLE:
        return False
    finest = BytesIO()
    frame.save(finest, "JPEG", quality=FINEST, subsampling=jpeg_subsampling(quality))
    return coefficients.recode(finest.getvalue(), quantisation.small(quality), out)


def _jpeg(frame: Image.Image, chosen: dict[str, Any], out: BinaryIO) -> None:
    """Encode a JPEG with Huffman tables made for the image, or else with the standard tables.

    Pillow needs a buffer for the former, which is too small for noise at a high quality.
    """
    try:
        frame.save(out, "JPEG", **chosen)
    except OSError:
        out.seek(0)
        out.truncate()
        frame.save(out, "JPEG", **chosen | {"optimize": False})


def _smaller_of_both(frame: Image.Image, chosen: dict[str, Any], out: BinaryIO) -> None:
    """Encode a baseline and a progressive JPEG and keep the smaller one.

    Baseline is the smaller one for small images.
    """
    _jpeg(frame, chosen, out)
    progressive = BytesIO()
    try:
        frame.save(progressive, "JPEG", **chosen | {"progressive": True})
    except OSError:  # noise, as in _jpeg
        return
    if progressive.tell() < out.tell():
        out.seek(0)
        out.truncate()
        write_all(out, progressive.getvalue())


def animation(
    frames: list[Image.Image],
    durations: list[int],
    target: Kind,
    options: CodecOptions,
    *,
    loop: int,
    out: BinaryIO,
) -> None:
    """Encode ``frames``, each for its duration in milliseconds; ``loop`` 0 repeats for ever."""
    first, *rest = [_without_info(frame) for frame in frames]
    first.save(
        out,
        target.name,
        save_all=True,
        append_images=rest,
        duration=durations,
        loop=loop,
        **FORMATS[target].settings(options),
    )
    if target is Kind.AVIF:
        boxes.forget_times(out)


def _without_info(frame: Image.Image) -> Image.Image:
    """Return a frame with the same pixels and, of its info, only the transparency."""
    bare = frame._new(frame.im)  # copy() would double the memory of the pixels
    transparency = frame.info.get("transparency")
    bare.info = {} if transparency is None else {"transparency": transparency}
    return bare
