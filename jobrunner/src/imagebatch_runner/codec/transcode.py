"""Compress one image: decode it, prepare its pixels and encode them.

The input is kept if the output is not smaller, unless the input is over the width or height limit.

This runs in a worker process (:mod:`imagebatch_runner.workers.worker`) and uses no store, network
or pydantic. The same input and options give the same output: it depends neither on the time and the
host nor on the number of threads.
"""

from __future__ import annotations

import os
import struct
import warnings
from dataclasses import dataclass
from typing import BinaryIO, Final

from PIL import Image, UnidentifiedImageError

from imagebatch_core.formats import Kind
from imagebatch_core.results import ErrorCode
from imagebatch_runner.failures import ImageFailed

from . import coefficients, encode, pixels, plainjpeg, planes, strip
from .formats import FORMATS
from .options import CodecOptions
from .rawfile import Bytes, reading, write_all

__all__ = ["CodecOptions", "Encoded", "compress"]

#: The Pillow decoders that may see foreign bytes.
_DECODERS: Final = tuple(kind.name for kind in Kind)
#: The options that the native library supports. If any other option is set, Pillow is used.
_NATIVE_OPTIONS: Final = frozenset(
    {"format", "quality", "profile", "max_width", "max_height", "metadata"}
    | {"max_pixels", "max_frames"}
)


@dataclass(frozen=True, slots=True)
class Encoded:
    """The output's format and size. If ``kept``, the output is the input, byte for byte, and must
    be taken from there, not from ``out``."""

    kind: Kind
    width: int
    height: int
    kept: bool


def compress(
    data: Bytes, source: Kind, options: CodecOptions, out: BinaryIO, *, fast: bool = True
) -> Encoded:
    """Compress ``data`` into ``out``, which must be unbuffered, seekable and have a ``fileno``.

    ``source`` is the format of ``data``. Without ``fast`` only Pillow is used, even if the native
    library is there: this is slower, but the same images are accepted and the same ones fail.

    Raises:
        ImageFailed: the image cannot be decoded, or is over a limit.
    """
    fast = fast and not options.changed() - _NATIVE_OPTIONS
    target = options.target(source)
    if FORMATS[target].animates:
        counted = FORMATS[source].frames(bytes(data), options.max_frames + 1)
        if counted is not None and counted > options.max_frames:
            raise _too_many_frames(options)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # plugins warn about unusual files that can be read
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            Image.MAX_IMAGE_PIXELS = options.max_pixels
            with Image.open(reading(data), formats=_DECODERS) as image:
                both = fast and source is target is Kind.JPEG
                plain = both and _is_plain(image, options)
                if plain and plainjpeg.compress(data, options.quality, out, small=options.small):
                    encoded = Encoded(target, *image.size, kept=False)
                elif both and not plain and (size := _by_planes(data, image, options, out)):
                    encoded = Encoded(target, *size, kept=False)
                else:
                    encoded = _compress(image, source, target, options, out, fast=fast)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageFailed(ErrorCode.TOO_MANY_PIXELS, _sentence(error)) from error
    except UnidentifiedImageError as error:
        unknown = FORMATS[source].has_variants
        code = ErrorCode.UNSUPPORTED_FORMAT if unknown else ErrorCode.CORRUPT
        raise ImageFailed(code, f"not a {source.value} image that can be read") from error
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
        raise ImageFailed(ErrorCode.CORRUPT, _sentence(error)) from error
    if (
        not encoded.kept
        and os.fstat(out.fileno()).st_size >= len(data)
        and not _must_change(encoded, options, data)
    ):
        return _as_it_was(data, source, encoded, options, out)
    return encoded


def _as_it_was(
    data: Bytes, source: Kind, encoded: Encoded, options: CodecOptions, out: BinaryIO
) -> Encoded:
    """Keep the input, without its metadata if the options say so.

    If there is metadata to remove, the stripped image is written to ``out`` and does not count as
    ``kept``.
    """
    bare = data if options.keeps_metadata else strip.stripped(bytes(data), source)
    if len(bare) >= len(data):
        return Encoded(source, encoded.width, encoded.height, kept=True)
    out.seek(0)
    out.truncate()
    write_all(out, bare)
    return Encoded(source, encoded.width, encoded.height, kept=False)


def _compress(
    image: Image.Image,
    source: Kind,
    target: Kind,
    options: CodecOptions,
    out: BinaryIO,
    *,
    fast: bool,
) -> Encoded:
    coefficients.release()
    both_animate = FORMATS[source].animates and FORMATS[target].animates
    if both_animate and getattr(image, "is_animated", False):
        return _compress_animation(image, getattr(image, "n_frames", 1), target, options, out)
    whole = pixels.upright_size(image) if source is Kind.JPEG else None
    if whole:
        _draft(image, options)
    pixels.upright(image)
    metadata = encode.carried(image) if options.keeps_metadata else {}
    frame = pixels.prepared(image, target, options, whole or image.size)
    encode.still(frame, target, options, metadata=metadata, out=out, fast=fast)
    return Encoded(target, *frame.size, kept=False)


def _by_planes(
    data: Bytes, image: Image.Image, options: CodecOptions, out: BinaryIO
) -> tuple[int, int] | None:
    """Compress a JPEG by its planes and return the new size; ``None`` if that cannot be done."""
    if not planes.takes(image) or (options.keeps_metadata and encode.carried(image)):
        return None
    limits = options.max_width, options.max_height
    return planes.compress(data, image, limits, options.quality, out, small=options.small)


def _is_plain(image: Image.Image, options: CodecOptions) -> bool:
    """Return whether the JPEG needs nothing but another quality."""
    return (
        pixels.fitted_size(image.size, options.max_width, options.max_height) == image.size
        and plainjpeg.is_plain(image)
        and not (options.keeps_metadata and encode.carried(image))
    )


def _compress_animation(
    image: Image.Image, number: int, target: Kind, options: CodecOptions, out: BinaryIO
) -> Encoded:
    """Compress an animation of ``number`` frames into ``out``.

    All frames are in memory at once, so the pixel limit applies to their sum.
    """
    if number > options.max_frames:
        raise _too_many_frames(options)
    if number * image.width * image.height > options.max_pixels:
        raise ImageFailed(
            ErrorCode.TOO_MANY_PIXELS,
            f"{number} frames of {image.width}x{image.height} pixels are over the limit of "
            f"{options.max_pixels / 1e6:g} million",
        )
    prepared: list[Image.Image] = []
    durations: list[int] = []
    for at in range(number):
        image.seek(at)
        image.load()
        durations.append(int(image.info.get("duration") or 100))
        frame = image.copy()
        prepared.append(pixels.prepared(frame, target, options, frame.size, keep_palette=False))
    loop = int(image.info.get("loop", 0))
    encode.animation(prepared, durations, target, options, loop=loop, out=out)
    return Encoded(target, *prepared[0].size, kept=False)


def _too_many_frames(options: CodecOptions) -> ImageFailed:
    return ImageFailed(ErrorCode.TOO_MANY_FRAMES, f"more than {options.max_frames} frames")


def _draft(image: Image.Image, options: CodecOptions) -> None:
    """Let libjpeg decode at 1/2, 1/4 or 1/8 of the size, but not below the size of the output.

    The picture may be turned later, so the larger of both possible sizes counts.
    """
    upright_or_turned = (
        pixels.fitted_size(image.size, options.max_width, options.max_height),
        pixels.fitted_size(image.size, options.max_height, options.max_width),
    )
    wanted = max(width for width, _ in upright_or_turned), max(h for _, h in upright_or_turned)
    image.draft(None, wanted)


def _must_change(encoded: Encoded, options: CodecOptions, data: Bytes) -> bool:
    """Return whether the input must not be kept, because it is over the width or height limit."""
    if not (options.max_width or options.max_height):
        return False
    with Image.open(reading(data), formats=_DECODERS) as image:
        # Sorted, because the image may have been turned by 90 degrees. Other sides mean it was
        # scaled.
        return sorted(image.size) != sorted((encoded.width, encoded.height))


def _sentence(error: BaseException) -> str:
    return (str(error) or type(error).__name__)[:200]
