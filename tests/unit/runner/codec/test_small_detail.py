"""`profile: small` keeps detail of full contrast, such as text, which is not noise."""

from __future__ import annotations

import random
from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from skimage.metrics import structural_similarity

from imagebatch_core.formats import Kind
from imagebatch_runner.codec import transcode
from imagebatch_runner.codec.options import CodecOptions
from imagebatch_runner.workers import memfile
from support.pictures import encoded, photo

_SIDE = 256


def checkerboard() -> Image.Image:
    rows, columns = np.indices((_SIDE, _SIDE))
    return Image.fromarray(((rows + columns) % 2 * 255).astype(np.uint8))


def dithered() -> Image.Image:
    return photo("astronaut.png", (_SIDE, _SIDE)).convert("1").convert("L")


def modules() -> Image.Image:
    """The squares of a QR code, two pixels wide."""
    bits = random.Random(1).choices((0, 255), k=(_SIDE // 2) ** 2)
    small = Image.frombytes("L", (_SIDE // 2, _SIDE // 2), bytes(bits))
    return small.resize((_SIDE, _SIDE), Image.Resampling.NEAREST)


def text() -> Image.Image:
    image = Image.new("L", (_SIDE, _SIDE), 255)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(12)
    for top in range(0, _SIDE, 14):
        draw.text((2, top), "Do not tumble dry. 60 % cotton, 40 % wool; iron low", 0, font)
    return image


def small(image: Image.Image, quality: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    source = encoded(image, quality=95)
    with open(memfile.create("test"), "r+b", buffering=0) as out:  # noqa: PTH123 - a descriptor
        options = CodecOptions(quality=quality, profile="small")
        assert not transcode.compress(source, Kind.JPEG, options, out).kept
        out.seek(0)
        return np.asarray(Image.open(BytesIO(out.read())).convert("L"))


@pytest.mark.parametrize("quality", [50, 75])
@pytest.mark.parametrize("picture", [checkerboard, dithered, modules, text])
def test_detail_of_full_contrast_is_kept(picture: Callable[[], Image.Image], quality: int) -> None:
    before = np.asarray(picture())
    after = small(picture(), quality)
    assert after.std() > 0.85 * before.std()
    assert structural_similarity(before, after, data_range=255) > 0.85  # type: ignore[no-untyped-call]
