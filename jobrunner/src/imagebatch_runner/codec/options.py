"""What the codec is asked for. Apart from it, so that the parent process, which only hands this on,
does not load the decoding libraries."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CodecOptions:
    """``format`` is a :class:`Kind` value or ``original``; limits in pixels."""

    format: str = "jpeg"
    quality: int = 50
    small: bool = False
    max_width: int | None = None
    max_height: int | None = None
    keep_metadata: bool = False
    max_pixels: int = 100_000_000
    max_frames: int = 500
