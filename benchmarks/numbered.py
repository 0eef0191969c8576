"""Many distinct photographs out of a few files."""

from __future__ import annotations


def numbered(jpeg: bytes, number: int) -> bytes:
    """The same picture with its number in a comment segment: other bytes, other hash.

    A JPEG comment (marker FFFE, two bytes of length that count themselves) may follow the start.
    """
    comment = f"photograph {number}".encode()
    return jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + jpeg[2:]
