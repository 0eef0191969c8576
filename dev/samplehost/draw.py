"""Draw the sample photographs.

Their sources are small. An enlarged picture is smoother than a photograph and would compress too
well, so noise like that of a camera's sensor is added.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from skimage import data

from .photos import PHOTOS, SMALL_COUNT, SMALL_FOLDER, Photo

_SMALL_SIZE = (480, 360)
_QUALITY = 92
#: Standard deviation of that noise; the largest value of a pixel is 255.
_GRAIN = 2.5


def draw(target: Path) -> None:
    """Draw all photographs into the folder ``target``, which is replaced when all are complete."""
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
        # The second time each source is cut to another format, so that no two pictures are equal.
        width, height = _SMALL_SIZE if number < len(sources) else _SMALL_SIZE[::-1]
        name = f"{SMALL_FOLDER}/{number:02d}.jpg"
        yield name, _encoded(Photo(name, source, width, height), number)


def _encoded(photo: Photo, seed: int) -> bytes:
    pixels = getattr(data, photo.source)()
    image = ImageOps.fit(
        Image.fromarray(pixels[..., :3]), (photo.width, photo.height), Image.Resampling.LANCZOS
    )
    grain = np.random.default_rng(seed).normal(0, _GRAIN, (photo.height, photo.width, 1))
    image = Image.fromarray(np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8))
    buffer = io.BytesIO()
    if photo.name.endswith(".jpg"):
        image.save(buffer, "JPEG", quality=_QUALITY)
    elif photo.name.endswith(".webp"):
        image.save(buffer, "WEBP", quality=_QUALITY)
    else:
        image.save(buffer, "PNG")
    return buffer.getvalue()
