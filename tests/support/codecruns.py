"""Run the codec in the process of the test."""

from __future__ import annotations

from typing import Any, BinaryIO

from PIL import Image, ImageChops, ImageStat

from imagebatch_core.formats import Kind
from imagebatch_runner.codec.options import CodecOptions
from imagebatch_runner.codec.sniff import sniff
from imagebatch_runner.codec.transcode import Encoded, compress
from imagebatch_runner.failures import ImageFailed

from .pictures import decoded


def run(data: bytes, out: BinaryIO, **options: Any) -> tuple[Encoded, bytes]:
    """Sniff and compress an image as the worker does; return the result and the output's bytes."""
    chosen = CodecOptions(**options)
    kind = sniff(data, max_pixels=chosen.max_pixels).kind
    _clear(out)
    result = compress(data, kind, chosen, out)
    return result, data if result.kept else _written(out)


def outcome(data: bytes, out: BinaryIO, *, fast: bool, **options: Any) -> tuple[str, bytes]:
    """Compress a JPEG; return the outcome as text, and the output's bytes.

    ``fast`` is that of ``compress``.
    """
    _clear(out)
    try:
        result = compress(data, Kind.JPEG, CodecOptions(**options), out, fast=fast)
    except ImageFailed as failure:
        return failure.code.value, b""
    told = f"{result.kind} {result.width}x{result.height}"
    return (f"kept {told}", data) if result.kept else (told, _written(out))


def difference(one: bytes | Image.Image, other: bytes | Image.Image) -> float:
    """Return the root mean square of the differences, 0 to 255, in the worst channel of RGB."""
    pair = [decoded(each) if isinstance(each, bytes) else each for each in (one, other)]
    return max(ImageStat.Stat(ImageChops.difference(*(each.convert("RGB") for each in pair))).rms)


def _clear(out: BinaryIO) -> None:
    out.seek(0)
    out.truncate()


def _written(out: BinaryIO) -> bytes:
    out.seek(0)
    return out.read()
