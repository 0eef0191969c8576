"""Pixels hidden beyond the edge of a JPEG, as after a lossless crop, do not change its colours."""

from __future__ import annotations

import os
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageDraw

from imagebatch_core.formats import Kind
from imagebatch_runner.codec import segments, transcode
from imagebatch_runner.codec.options import CodecOptions
from imagebatch_runner.workers import memfile
from support.pictures import encoded

_SOF0 = 0xC0


def cropped(data: bytes, width: int, height: int) -> bytes:
    """The JPEG with a smaller size in its header that needs as many blocks: all of them stay."""
    frame = next(one for one in segments.of_jpeg(data) if one.marker == _SOF0)
    size = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return data[: frame.start + 5] + size + data[frame.start + 9 :]


def pixels(data: bytes) -> np.ndarray[tuple[int, int, int], np.dtype[np.int16]]:
    with Image.open(BytesIO(data)) as image:
        return np.asarray(image.convert("RGB")).astype(np.int16)


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2"])
@pytest.mark.parametrize(("width", "height"), [(193, 192), (194, 185), (199, 187), (200, 186)])
@pytest.mark.parametrize("hidden", [(232, 84, 84), (40, 170, 140)])
def test_pixels_hidden_by_a_crop_do_not_colour_halved_chroma(
    hidden: tuple[int, int, int], width: int, height: int, subsampling: str
) -> None:
    whole = Image.new("RGB", (208 if subsampling == "4:2:2" else 200, 192), hidden)
    gray = (128, 128, 128)  # as light as what is hidden
    ImageDraw.Draw(whole).rectangle((0, 0, width - 1, height - 1), fill=gray)
    source = encoded(whole, quality=92, subsampling=subsampling)
    source = cropped(source, width, height)
    with open(memfile.create("test"), "r+b", buffering=0) as out:  # noqa: PTH123 - a descriptor
        assert not transcode.compress(source, Kind.JPEG, CodecOptions(), out).kept
        output = os.pread(out.fileno(), 1 << 20, 0)
    with Image.open(BytesIO(output)) as image:
        assert image.layer[0][1:3] == (2, 2)  # type: ignore[attr-defined]
    difference = np.abs(pixels(output) - pixels(source))
    # Where chroma is half as fine already, the encoder has mixed the hidden pixels in.
    seen_columns = width - 2 if subsampling == "4:2:2" else width
    assert difference[:, :seen_columns].max() <= 22
