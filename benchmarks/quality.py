"""Measure how similar an output looks to its source: SSIM of luma, and SSIMULACRA2.

Only a square of at most :data:`SIDE` pixels a side in the middle is compared, because SSIMULACRA2
takes seconds per megapixel.
"""

from __future__ import annotations

import tempfile
from io import BytesIO
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image
from skimage.metrics import structural_similarity
from ssimulacra2 import compute_ssimulacra2  # type: ignore[import-untyped] # it has no types

SIDE: Final = 512


def ssim(source: bytes, output: bytes) -> float:
    """Return the SSIM of luma; 1 means equal."""
    one, other = (np.asarray(_middle(data).convert("L")) for data in (source, output))
    similarity = structural_similarity(one, other, data_range=255)  # type: ignore[no-untyped-call]
    return float(similarity)


def ssimulacra2(source: bytes, output: bytes) -> float:
    """Return SSIMULACRA2; 100 means equal, 70 high quality, 50 medium quality."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("source.png", "output.png")]
        for data, path in zip((source, output), paths, strict=True):
            _middle(data).save(path, compress_level=1)
        return float(compute_ssimulacra2(*map(str, paths)))


def _middle(data: bytes) -> Image.Image:
    with Image.open(BytesIO(data)) as image:
        left, top = (max(0, (length - SIDE) // 2) for length in image.size)
        size = (left, top, min(image.width, left + SIDE), min(image.height, top + SIDE))
        return image.convert("RGB").crop(size)
