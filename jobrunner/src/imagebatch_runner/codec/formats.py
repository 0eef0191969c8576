"""The codec's table of formats: one row for each :class:`Kind`; no column has a default.

This module does not import Pillow: the process that starts the decoders uses the table to read
headers and must not load decoders itself. :mod:`.encode` passes ``settings`` to Pillow.

Measured on photographs (ratios, one run): optimised Huffman tables make a JPEG 9 % smaller and take
a fifth more time; WebP method 2 takes half the time of method 4 for 8 % more bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from imagebatch_core.formats import Kind
from imagebatch_runner.memory import BYTES_PER_PIXEL

from . import frames, sizes, strippers
from .options import CodecOptions

#: Keyword arguments of Pillow's ``Image.save``.
Arguments = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Traits:
    """The properties of a format: what its files can contain, and how the codec processes them."""

    #: Modules of the package ``PIL`` that decode and encode it under the name :attr:`Kind.name`.
    plugins: tuple[str, ...]
    #: Returns width and height from the header; ``None`` if it does not give them.
    size: Callable[[bytes], sizes.Size | None]
    #: Returns the number of frames, counted up to a limit; ``None`` if only a decoder knows it.
    #: Formats without animations have no such function.
    count: Callable[[bytes, int], int | None] | None
    #: Whether it stores transparency.
    alpha: bool
    #: Whether it stores a palette and its indices as they are.
    palette: bool
    #: Which of ``exif`` and ``xmp`` Pillow writes into it.
    metadata: tuple[str, ...]
    #: Removes the metadata of a file without touching its pixels; the second argument is the EXIF
    #: data that must stay. ``None``: files of this format keep their metadata.
    strip: Callable[[bytes, bytes], bytes] | None
    #: Returns the arguments with which Pillow encodes it.
    settings: Callable[[CodecOptions], Arguments]
    #: Most bytes of memory that one pixel takes from decoding to encoding, as measured by
    #: ``tests/integration/runner/test_format_memory.py``.
    bytes_per_pixel: int
    #: Whether it has variants that Pillow cannot decode: a file that cannot be opened then fails as
    #: unsupported, not as damaged.
    has_variants: bool

    @property
    def animates(self) -> bool:
        """Whether the format can hold an animation; from other formats only the first frame is
        used."""
        return self.count is not None

    def frames(self, data: bytes, most: int) -> int | None:
        """Return the number of frames of ``data``, at most ``most``; ``None`` if there are several
        and only a decoder knows how many."""
        return 1 if self.count is None else self.count(data, most)


def jpeg_subsampling(quality: int) -> str:
    """Return the chroma subsampling for JPEGs of this quality."""
    return "4:2:0" if quality < 90 else "4:4:4"


def _jpeg(options: CodecOptions) -> Arguments:
    return {
        "quality": options.quality,
        "subsampling": jpeg_subsampling(options.quality),
        "optimize": True,
    }


def _png(options: CodecOptions) -> Arguments:
    return {"optimize": True} if options.small else {"compress_level": 6}


def _webp(options: CodecOptions) -> Arguments:
    return {"quality": options.quality, "method": 4 if options.small else 2}


def _avif(options: CodecOptions) -> Arguments:
    # One thread: each decoder is a process already, and more threads change the bytes (tiling).
    return {"quality": options.quality, "speed": 6 if options.small else 8, "max_threads": 1}


FORMATS: Final[Mapping[Kind, Traits]] = {
    Kind.JPEG: Traits(
        plugins=("JpegImagePlugin", "MpoImagePlugin"),
        size=sizes.jpeg,
        count=None,
        alpha=False,
        palette=False,
        metadata=("exif", "xmp"),
        strip=strippers.jpeg,
        settings=_jpeg,
        bytes_per_pixel=BYTES_PER_PIXEL,
        has_variants=False,
    ),
    Kind.PNG: Traits(
        plugins=("PngImagePlugin",),
        size=sizes.png,
        count=frames.png,
        alpha=True,
        palette=True,
        metadata=("exif",),
        strip=strippers.png,
        settings=_png,
        bytes_per_pixel=BYTES_PER_PIXEL,
        has_variants=False,
    ),
    Kind.WEBP: Traits(
        plugins=("WebPImagePlugin",),
        size=sizes.webp,
        count=frames.webp,
        alpha=True,
        palette=False,
        metadata=("exif", "xmp"),
        strip=strippers.webp,
        settings=_webp,
        bytes_per_pixel=22,  # measured 21.4, for WebP to WebP
        has_variants=False,
    ),
    Kind.AVIF: Traits(
        plugins=("AvifImagePlugin",),
        size=sizes.avif,
        count=frames.avif,
        alpha=True,
        palette=False,
        metadata=("exif", "xmp"),
        strip=None,
        settings=_avif,
        bytes_per_pixel=37,  # measured 36.0, for RGBA
        has_variants=False,
    ),
    Kind.GIF: Traits(
        plugins=("GifImagePlugin",),
        size=sizes.gif,
        count=frames.gif,
        alpha=True,
        palette=True,
        metadata=(),
        strip=None,
        settings=lambda _: {"optimize": True},
        bytes_per_pixel=BYTES_PER_PIXEL,
        has_variants=False,
    ),
    Kind.TIFF: Traits(
        plugins=("TiffImagePlugin",),
        size=sizes.tiff,
        count=None,
        alpha=True,
        palette=True,
        metadata=("exif",),
        strip=None,
        settings=lambda _: {"compression": "tiff_adobe_deflate"},
        bytes_per_pixel=BYTES_PER_PIXEL,
        has_variants=True,
    ),
    Kind.BMP: Traits(
        plugins=("BmpImagePlugin",),
        size=sizes.bmp,
        count=None,
        alpha=False,  # Pillow writes a fourth byte, but no reader takes it for transparency
        palette=True,
        metadata=(),
        strip=None,
        settings=lambda _: {},
        bytes_per_pixel=BYTES_PER_PIXEL,
        has_variants=True,
    ),
}
