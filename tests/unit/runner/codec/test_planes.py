"""Smaller and turned JPEGs by their planes against Pillow alone, which is the oracle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

import pytest
from PIL import Image, ImageChops, ImageStat

from imagebatch_runner.codec import coefficients, planes
from imagebatch_runner.codec.options import CodecOptions
from imagebatch_runner.codec.sniff import Kind
from imagebatch_runner.codec.transcode import compress
from imagebatch_runner.failures import ImageFailed
from imagebatch_runner.workers import memfile
from support.pictures import decoded, encoded, photo

LARGE = photo(size=(403, 301))
USUAL = encoded(LARGE, quality=92, subsampling=2)
SOURCES = {
    "usual": USUAL,
    "fine chroma": encoded(LARGE, quality=92, subsampling=0),
    "half chroma": encoded(LARGE, quality=92, subsampling=1),
    "progressive": encoded(LARGE, quality=92, progressive=True),
    "gray": encoded(LARGE.convert("L"), quality=92),
    "kept as rgb": encoded(LARGE, quality=92, keep_rgb=True),
    "cmyk": encoded(LARGE.convert("CMYK"), quality=92),
    "flat": encoded(Image.new("RGB", (403, 301), "teal"), quality=92),
    "cut in half": USUAL[: len(USUAL) // 2],
    "no end marker": USUAL[:-2],
}


@pytest.fixture
def out() -> Iterator[BinaryIO]:
    with open(memfile.create("test"), "r+b", buffering=0) as file:  # noqa: PTH123 - a descriptor
        yield file


def outcome(data: bytes, out: BinaryIO, *, fast: bool, **options: Any) -> tuple[str, bytes]:
    out.seek(0)
    out.truncate()
    try:
        result = compress(data, Kind.JPEG, CodecOptions(**options), out, fast=fast)
    except ImageFailed as failure:
        return failure.code.value, b""
    out.seek(0)
    return f"{result.width}x{result.height} {result.kept}", out.read()


def difference(one: bytes, other: bytes) -> float:
    """Root mean square of the worst channel, 0 to 255."""
    pair = [decoded(data).convert("RGB") for data in (one, other)]
    return max(ImageStat.Stat(ImageChops.difference(*pair)).rms)


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("limits", [(300, None), (None, 149), (37, 300), (20, 20)])
def test_smaller_jpeg_has_the_outcome_that_pillow_alone_has(
    name: str, limits: tuple[int | None, int | None], out: BinaryIO
) -> None:
    asked = {"quality": 80, "max_width": limits[0], "max_height": limits[1]}
    fast, data = outcome(SOURCES[name], out, fast=True, **asked)
    slow, oracle = outcome(SOURCES[name], out, fast=False, **asked)
    assert fast == slow
    if oracle:
        assert difference(data, oracle) < 8
        assert len(data) <= 1.02 * len(oracle) + 100


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("width", [None, 160])
@pytest.mark.parametrize("quality", [50, 95])
def test_jpeg_is_turned_as_pillow_alone_does_it(
    orientation: int, width: int | None, quality: int, out: BinaryIO
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    source = encoded(LARGE, quality=97, subsampling=2, exif=exif)
    fast, data = outcome(source, out, fast=True, max_width=width, quality=quality)
    slow, oracle = outcome(source, out, fast=False, max_width=width, quality=quality)
    assert fast == slow
    assert difference(data, oracle) < 5
    assert not decoded(data).getexif()


def test_usual_jpegs_go_by_their_planes(out: BinaryIO) -> None:
    for name in ("usual", "fine chroma", "progressive", "gray"):
        assert planes.takes(decoded(SOURCES[name]))
    for name in ("kept as rgb", "cmyk"):
        assert not planes.takes(decoded(SOURCES[name]))


def test_small_profile_is_smaller_when_scaled_too(out: BinaryIO) -> None:
    _, usual = outcome(USUAL, out, fast=True, max_width=300)
    size, small = outcome(USUAL, out, fast=True, max_width=300, small=True)
    assert size == "300x224 False"
    assert len(small) < 0.92 * len(usual)


@pytest.mark.parametrize("factor", [1.0, 1.1, 1.9, 4.2, 9.5])
def test_planes_are_scaled_as_by_pillows_lanczos(factor: float) -> None:
    plane = photo("coffee.png").convert("L")
    size = (round(plane.width / factor), round(plane.height / factor))
    by = (plane.width / size[0], plane.height / size[1])
    made = coefficients.scaled(plane.tobytes(), plane.size, size, by)
    assert made is not None
    oracle = plane.resize(size, Image.Resampling.LANCZOS)
    off = ImageChops.difference(Image.frombytes("L", size, made), oracle)
    assert ImageStat.Stat(off).mean[0] < 0.4
    assert ImageStat.Stat(off).rms[0] < 0.8


@pytest.mark.parametrize("level", [0, 1, 127, 254, 255])
def test_flat_planes_stay_as_they_are(level: int) -> None:
    made = coefficients.scaled(bytes([level]) * 70 * 50, (70, 50), (31, 33), (70 / 31, 50 / 33))
    assert made == bytes([level]) * 31 * 33


def test_scales_that_are_not_for_the_library_are_refused() -> None:
    assert coefficients.scaled(bytes(100), (10, 10), (20, 20), (0.5, 0.5)) is None
    assert coefficients.scaled(bytes(9000), (300, 30), (20, 30), (15.0, 1.0)) is None
    assert coefficients.scaled(bytes(99), (10, 10), (5, 5), (2.0, 2.0)) is None
