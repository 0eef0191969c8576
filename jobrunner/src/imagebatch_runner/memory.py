"""How much memory this process may use, and how the runner divides it.

A pod over its limit is killed whole, decoders and all, and its shard with it; so the shares are
made of the limit itself, and an image that does not fit its decoder's share fails alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

MIB: Final = 1 << 20
_LIMITS: Final = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
#: The runner itself: interpreter, connections, results of a shard.
_OWN: Final = 160 * MIB
#: Bytes that a pixel takes at most while it is converted: measured 12 for RGBA and CMYK.
_BYTES_PER_PIXEL: Final = 13
#: What a decoder keeps of freed memory for its next image; enough for 12 million pixels.
KEPT_BY_DECODER: Final = 64 * MIB


@dataclass(frozen=True, slots=True)
class Shares:
    """Bytes of fetched images, bytes of one decoder's address space, pixels in decoding."""

    bytes_in_flight: int
    decoder_memory: int
    pixels_in_flight: int


def memory_limit(files: tuple[Path, ...] = _LIMITS) -> int | None:
    """The cgroup's limit in bytes, ``None`` without one."""
    for file in files:
        try:
            text = file.read_text().strip()
        except OSError:
            continue
        if text.isdigit() and int(text) < 1 << 60:  # cgroup v1 spells "none" as a huge number
            return int(text)
    return None


def shares(limit: int | None) -> Shares:
    """What the settings are where they are not set. The pixel budget is for all decoders
    together, so that of two large images one waits; the decoder's own bound is the last resort."""
    if limit is None:
        return Shares(192 * MIB, 2048 * MIB, 100_000_000)
    fetched = min(192 * MIB, limit // 5)
    decoder = max(192 * MIB, min(2048 * MIB, limit - fetched - _OWN))
    return Shares(fetched, decoder, min(100_000_000, decoder // _BYTES_PER_PIXEL))
