"""Find the segments of a JPEG up to its first scan (ITU-T T.81, B.1.1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

SOF0: Final = 0xC0
DQT: Final = 0xDB
SOS: Final = 0xDA
APP0: Final = 0xE0
APP1: Final = 0xE1
APP2: Final = 0xE2
APP14: Final = 0xEE
APP15: Final = 0xEF
COM: Final = 0xFE


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment of a JPEG: ``data[start:end]`` includes the marker and the length; the body begins
    at ``start + 4``."""

    marker: int
    start: int
    end: int


def of_jpeg(data: bytes | bytearray) -> Iterator[Segment]:
    """Yield the segments of ``data`` up to and including the first SOS.

    Raises:
        ValueError: a segment is missing or damaged.
    """
    at = 2
    while True:
        while data[at : at + 2] == b"\xff\xff":  # fill bytes
            at += 1
        if len(data) < at + 4 or data[at] != 0xFF or data[at + 1] < 0xC0:
            raise ValueError("no JPEG segment where one must be")
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if end < at + 4 or end > len(data):
            raise ValueError("a JPEG segment that does not end")
        yield Segment(data[at + 1], at, end)
        if data[at + 1] == SOS:
            return
        at = end


def is_metadata(marker: int, body: bytes) -> bool:
    """Return whether the picture looks the same without the segment, apart from its orientation.

    The colour profile and Adobe's segment about the colour model are not metadata.
    """
    if marker == APP0:
        return not body.startswith(b"JFIF\0")
    if marker == APP2:
        return not body.startswith(b"ICC_PROFILE\0")
    if marker == APP14:
        return not body.startswith(b"Adobe")
    return marker == COM or APP0 < marker <= APP15
