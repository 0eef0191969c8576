"""JPEGs whose scans Pillow does not write: one for each component, missing ones, repeated ones, too
many."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise

from PIL import Image

from .pictures import encoded

DHT, SOS, DQT, EOI = 0xC4, 0xDA, 0xDB, b"\xff\xd9"
_FRAMES = (0xC0, 0xC1, 0xC2)


@dataclass(frozen=True)
class Piece:
    """A segment, and the data after it up to the next one."""

    marker: int
    data: bytes


def pieces(data: bytes) -> list[Piece]:
    """The segments between SOI and EOI."""
    found, at = [], 2
    while data[at : at + 2] != EOI:
        start, marker = at, data[at + 1]
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == SOS:
            while data[at] != 0xFF or data[at + 1] == 0 or 0xD0 <= data[at + 1] <= 0xD7:
                at += 1
        found.append(Piece(marker, data[start:at]))
    return found


def joined(parts: list[Piece]) -> bytes:
    return b"\xff\xd8" + b"".join(part.data for part in parts) + EOI


def scans(data: bytes) -> tuple[list[Piece], list[list[Piece]]]:
    """The segments up to the frame's, and for each scan its tables and the scan."""
    head: list[Piece] = []
    found: list[list[Piece]] = [[]]
    for part in pieces(data):
        if part.marker in (DHT, SOS, 0xDD):
            found[-1].append(part)
            if part.marker == SOS:
                found.append([])
        else:
            head.append(part)
    return head, found[:-1]


def assembled(head: list[Piece], some: list[list[Piece]]) -> bytes:
    return joined([*head, *(part for scan in some for part in scan)])


def apart(
    image: Image.Image, sampling: tuple[int, int] = (1, 1), quality: int = 92, **options: object
) -> bytes:
    """A JPEG with a scan for each component; luma is finer than chroma by ``sampling``."""
    across, down = sampling
    luma, *chroma = image.convert("YCbCr").split()
    coarse = (-(-image.width // across), -(-image.height // down))
    planes = [luma, *(plane.resize(coarse, Image.Resampling.BOX) for plane in chroma)]
    found: list[list[Piece]] = []
    head: list[Piece] = []
    for number, plane in enumerate(planes, 1):
        own, some = scans(encoded(plane, quality=quality, **options))
        head = head or [_frame_of_three(part, across << 4 | down) for part in own]
        for scan in some:
            last = scan[-1].data  # FF DA, length, count, component, …
            found.append([*scan[:-1], Piece(SOS, last[:5] + bytes([number]) + last[6:])])
    return assembled(head, found)


def _frame_of_three(part: Piece, sampling: int) -> Piece:
    if part.marker not in _FRAMES:
        return part
    body = part.data[4:9] + bytes([3, 1, sampling, 0, 2, 0x11, 0, 3, 0x11, 0])
    return Piece(part.marker, bytes([0xFF, part.marker]) + struct.pack(">H", len(body) + 2) + body)


def flat_of_many_scans(number: int, size: tuple[int, int] = (8, 8)) -> bytes:
    """A progressive gray JPEG whose blocks are all 0: one scan of DC, the others of AC."""
    blocks = -(-size[0] // 8) * -(-size[1] // 8)

    def segment(marker: int, body: bytes) -> Piece:
        return Piece(marker, bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body)

    def scan(start: int, end: int) -> Piece:
        header = segment(SOS, bytes([1, 1, 0, start, end, 0])).data
        bits = "0" * blocks  # each 0 is the one code there is: no difference, or the block's end
        bits += "1" * (-len(bits) % 8)
        return Piece(SOS, header + int(bits, 2).to_bytes(len(bits) // 8, "big"))

    table = bytes([1, *[0] * 15, 0])
    frame = struct.pack(">BHHB", 8, size[1], size[0], 1) + b"\x01\x11\0"
    head = [
        segment(DQT, b"\0" + bytes([8] * 64)),
        segment(0xC2, frame),
        segment(DHT, b"\0" + table + b"\x10" + table),
        segment(0xFE, bytes(2000)),  # so that the output has room
    ]
    ends = [63 * n // (number - 1) for n in range(number)]
    ranges = [(0, 0), *((a + 1, b) for a, b in pairwise(ends))]
    return joined([*head, *(scan(*one) for one in ranges)])
