"""The list of sample photographs, which are made from those in scikit-image.

All are free of rights: astronaut and hubble (NASA, public domain), rocket (SpaceX, public domain),
retina (public domain), chelsea and coffee (CC0); see the docstrings of ``skimage.data``.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Folder of small photographs, for batches of 1,000 images and more.
SMALL_FOLDER = "small"
SMALL_COUNT = 12


@dataclass(frozen=True, slots=True)
class Photo:
    """A file to draw: ``width`` × ``height`` pixels, cut from the middle of ``source``."""

    name: str
    source: str
    width: int
    height: int


PHOTOS = (
    Photo("astronaut.jpg", "astronaut", 2000, 2000),
    Photo("chelsea.jpg", "chelsea", 1500, 1000),
    Photo("coffee.jpg", "coffee", 3000, 2000),
    Photo("rocket.jpg", "rocket", 4000, 3000),
    Photo("hubble.jpg", "hubble_deep_field", 1000, 872),
    Photo("retina.jpg", "retina", 1400, 1400),
    Photo("coffee.png", "coffee", 1200, 800),
    Photo("chelsea.webp", "chelsea", 1500, 1000),
)


def numbered(jpeg: bytes, number: int) -> bytes:
    """Return a JPEG with a number in a comment, so that each number gives different bytes.

    The comment (marker FFFE, then a length of two bytes that includes itself) follows the start
    marker.
    """
    comment = f"sample {number}".encode()
    return jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + jpeg[2:]
