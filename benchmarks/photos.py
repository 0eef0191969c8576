"""Make photographs of 1 to 12 megapixels, always the same, from those of scikit-image.

The sources are small, so they are laid out as mirrored tiles: edges meet, and the statistics of the
photograph hold everywhere. ``zoom`` 2 enlarges a source first; it is then about as soft as a
camera's full resolution. ``zoom`` 1 is as sharp as a picture scaled down for a shop. Qualities and
subsamplings are those that cameras and shops use.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps
from skimage import data

from .folders import cache


@dataclass(frozen=True, slots=True)
class Photo:
    """A JPEG to make. ``source`` is the name of a function of ``skimage.data``."""

    name: str
    source: str
    width: int
    height: int
    zoom: int
    quality: int
    subsampling: str = "4:2:0"

    @property
    def megapixels(self) -> float:
        return self.width * self.height / 1e6


PHOTOS = (
    Photo("chelsea", "chelsea", 1224, 816, 1, 90),
    Photo("astronaut", "astronaut", 1632, 1224, 1, 92),
    Photo("coffee", "coffee", 2048, 1536, 2, 95),
    Photo("retina", "retina", 2400, 1800, 1, 90),
    Photo("rocket", "rocket", 3000, 2000, 2, 92),
    Photo("hubble", "hubble_deep_field", 3264, 2448, 1, 88),
    Photo("cup", "coffee", 3000, 2000, 1, 92, "4:4:4"),
    Photo("portrait", "astronaut", 4000, 3000, 2, 92),
)


def all_photos() -> dict[Photo, Path]:
    """Return the file of each photograph, after making those that are not in the cache."""
    recipe = hashlib.sha256(f"{PHOTOS!r}{Path(__file__).read_text()}".encode()).hexdigest()[:12]
    folder = cache() / f"photos-{recipe}"
    folder.mkdir(exist_ok=True)
    found = {}
    for photo in PHOTOS:
        path = folder / f"{photo.name}.jpg"
        if not path.exists():
            draft = path.with_suffix(".draft")
            picture(photo).save(draft, "JPEG", quality=photo.quality, subsampling=photo.subsampling)
            draft.rename(path)
        found[photo] = path
    return found


def picture(photo: Photo) -> Image.Image:
    """Return a photograph's pixels, before it is encoded as a JPEG."""
    tile = Image.fromarray(getattr(data, photo.source)()[..., :3])
    if photo.zoom != 1:
        size = (tile.width * photo.zoom, tile.height * photo.zoom)
        tile = tile.resize(size, Image.Resampling.LANCZOS)
    turned = ((tile, ImageOps.mirror(tile)), (ImageOps.flip(tile), tile.rotate(180)))
    whole = Image.new("RGB", (photo.width, photo.height))
    for row in range(-(-photo.height // tile.height)):
        for column in range(-(-photo.width // tile.width)):
            place = (column * tile.width, row * tile.height)
            whole.paste(turned[row % 2][column % 2], place)
    return whole
