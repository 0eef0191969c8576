"""Pictures for tests: photographs from a pinned development dependency."""

from __future__ import annotations

import importlib.util
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image


@cache
def _folder() -> Path:
    spec = importlib.util.find_spec("skimage")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "data"


@cache
def photo(name: str = "chelsea.png", size: tuple[int, int] | None = None) -> Image.Image:
    """Return a photograph in RGB, scaled to ``size`` if given. Do not change it: it is cached."""
    with Image.open(_folder() / name) as image:
        loaded = image.convert("RGB")
    return loaded.resize(size) if size else loaded


def encoded(image: Image.Image, format_: str = "JPEG", **options: Any) -> bytes:
    out = BytesIO()
    image.save(out, format_, **options)
    return out.getvalue()


def jpeg(name: str = "chelsea.png", size: tuple[int, int] | None = None, **options: Any) -> bytes:
    """Return a photograph as a JPEG of quality 92 without chroma subsampling."""
    return encoded(photo(name, size), "JPEG", **({"quality": 92, "subsampling": 0} | options))


def decoded(data: bytes) -> Image.Image:
    with Image.open(BytesIO(data)) as image:
        image.load()
        return image
