"""Draw the sample photographs from those that scikit-image ships.

All are free of rights: astronaut and hubble (NASA, public domain), rocket (SpaceX, public domain),
retina (public domain), chelsea and coffee (CC0); see the docstrings of ``skimage.data``.

They are small. The larger ones are enlarged and given the faint grain of a camera's sensor:
without it an enlarged picture is smoother than any photograph, and compresses too well.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: Photographs of the many-image batch: small, so that 1,000 of them cost little.
SMALL_FOLDER = "small"
SMALL_COUNT = 12
_SMALL_SIZE = (480, 360)
_JPEG_QUALITY = 92
#: Standard deviation of the grain, of 255.
_GRAIN = 2.5


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


def draw(target: Path) -> None:
    """Draw all photographs into the new folder ``target``; it appears only when it is whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="photos-", dir=target.parent) as draft:
        folder = Path(draft) / "photos"
        (folder / SMALL_FOLDER).mkdir(parents=True)
        for name, content in _drawn():
            (folder / name).write_bytes(content)
        if target.exists():
            shutil.rmtree(target)
        folder.rename(target)


def _drawn() -> Iterator[tuple[str, bytes]]:
    for seed, photo in enumerate(PHOTOS):
        yield photo.name, _encoded(photo, seed)
    sources = sorted({photo.source for photo in PHOTOS})
    for number in range(SMALL_COUNT):
        source = sources[number % len(sources)]
        # The second round shows them from another side, so that no two are equal.
        width, height = _SMALL_SIZE if number < len(sources) else _SMALL_SIZE[::-1]
        name = f"{SMALL_FOLDER}/{number:02d}.jpg"
        yield name, _encoded(Photo(name, source, width, height), number)


def _encoded(photo: Photo, seed: int) -> bytes:
    # Here, not at the top: the server runs where neither is installed.
    import numpy as np
    from PIL import Image, ImageOps
    from skimage import data

    pixels = getattr(data, photo.source)()
    image = ImageOps.fit(
        Image.fromarray(pixels[..., :3]), (photo.width, photo.height), Image.Resampling.LANCZOS
    )
    grain = np.random.default_rng(seed).normal(0, _GRAIN, (photo.height, photo.width, 1))
    image = Image.fromarray(np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8))
    buffer = io.BytesIO()
    if photo.name.endswith(".jpg"):
        image.save(buffer, "JPEG", quality=_JPEG_QUALITY)
    elif photo.name.endswith(".webp"):
        image.save(buffer, "WEBP", quality=_JPEG_QUALITY)
    else:
        image.save(buffer, "PNG")
    return buffer.getvalue()


def numbered(jpeg: bytes, number: int) -> bytes:
    """The same picture with its number in a comment segment: other bytes, other hash.

    A JPEG comment (marker FFFE, two bytes of length that count themselves) may follow the start.
    """
    comment = f"sample {number}".encode()
    return jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + jpeg[2:]
