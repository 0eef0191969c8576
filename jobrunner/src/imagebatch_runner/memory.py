"""The memory that this process may use, and how the runner divides it.

The kernel kills a pod over its limit, decoders included. The shares are therefore computed from the
limit, and an image that does not fit into its decoder's share fails alone.
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
#: Memory of the runner itself: interpreter, connections, and a shard of up to 100,000 images.
_OWN: Final = 144 * MIB
#: Most bytes that a pixel takes from decoding to encoding, for most output formats: measured 17.1,
#: for RGBA that is scaled down a little.
BYTES_PER_PIXEL: Final = 18
#: Freed memory that a decoder keeps for its next image; enough for 12 million pixels.
KEPT_BY_DECODER: Final = 64 * MIB
#: Scratch that :mod:`.codec.coefficients` keeps at most.
KEPT_AS_SCRATCH: Final = 32 * MIB
#: Memory of a decoder between two images: interpreter, libraries, and what it keeps.
_IDLE_DECODER: Final = 32 * MIB + KEPT_BY_DECODER + KEPT_AS_SCRATCH


@dataclass(frozen=True, slots=True)
class Shares:
    """The limits of one process: image bytes held at once, number of decoding processes, address
    space of each decoder in bytes, and pixels decoded at once."""

    bytes_in_flight: int
    decoders: int
    decoder_memory: int
    pixels_in_flight: int


def memory_limit(files: tuple[Path, ...] = _LIMITS) -> int | None:
    """Return the cgroup's memory limit in bytes; ``None`` if it has no limit."""
    for file in files:
        try:
            text = file.read_text().strip()
        except OSError:
            continue
        if text.isdigit() and int(text) < 1 << 60:  # cgroup v1 spells "none" as a huge number
            return int(text)
    return None


def weight(pixels: int, bytes_per_pixel: int) -> int:
    """Return how much of the pixel budget an image takes whose pixels need ``bytes_per_pixel``.

    The budget counts pixels of :data:`BYTES_PER_PIXEL` bytes.
    """
    return -(-pixels * bytes_per_pixel // BYTES_PER_PIXEL)


def shares(limit: int | None, cpus: int) -> Shares:
    """Return the default shares for a memory limit in bytes (``None``: no limit) and some CPUs.

    There is one decoder for each CPU, as long as idle decoders take at most half of the memory. All
    decoders share the pixel budget, so that one of two large images waits. The limit of a decoder's
    address space is the last resort.
    """
    if limit is None:
        return Shares(192 * MIB, cpus, 2048 * MIB, 100_000_000)
    held = min(192 * MIB, limit // 5)
    rest = max(0, limit - held - _OWN)
    decoders = max(1, min(cpus, rest // 2 // _IDLE_DECODER))
    others = (decoders - 1) * _IDLE_DECODER
    pixels = min(100_000_000, max(0, rest - others - _IDLE_DECODER) // BYTES_PER_PIXEL)
    return Shares(
        bytes_in_flight=held,
        decoders=decoders,
        decoder_memory=max(192 * MIB, min(2048 * MIB, rest - others)),
        pixels_in_flight=max(1_000_000, pixels),
    )
