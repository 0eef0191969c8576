"""JPEGs that the native library scales and turns, compared with Pillow alone."""

from __future__ import annotations

import contextlib
from typing import BinaryIO

import pytest
from PIL import Image, ImageChops, ImageFilter, ImageOps, ImageStat

from imagebatch_runner.codec import coefficients, pixels, planes, quantisation
from support import jpegscans
from support.codecruns import difference, outcome
from support.pictures import decoded, encoded, photo

LARGE = photo(size=(403, 301))
USUAL = encoded(LARGE, quality=92, subsampling=2)
SOURCES = {
    "usual": USUAL,
    "fine chroma": encoded(LARGE, quality=92, subsampling=0),
    "half chroma": encoded(LARGE, quality=92, subsampling=1),
    "progressive": encoded(LARGE, quality=92, progressive=True),
    "scans apart": jpegscans.apart(LARGE, (1, 2)),
    "gray": encoded(LARGE.convert("L"), quality=92),
    "kept as rgb": encoded(LARGE, quality=92, keep_rgb=True),
    "cmyk": encoded(LARGE.convert("CMYK"), quality=92),
    "flat": encoded(Image.new("RGB", (403, 301), "teal"), quality=92),
    "cut in half": USUAL[: len(USUAL) // 2],
    "no end marker": USUAL[:-2],
}


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("limits", [(300, None), (None, 149), (37, 300), (20, 20)])
def test_scaled_jpeg_ends_and_looks_as_by_pillow_alone(
    name: str, limits: tuple[int | None, int | None], out: BinaryIO
) -> None:
    asked = {"quality": 80, "max_width": limits[0], "max_height": limits[1]}
    fast, data = outcome(SOURCES[name], out, fast=True, **asked)
    slow, oracle = outcome(SOURCES[name], out, fast=False, **asked)
    assert fast == slow
    if oracle:
        size = decoded(oracle).size
        whole = decoded(SOURCES[name]).convert("RGB").resize(size, Image.Resampling.LANCZOS)
        wanted = encoded(whole, "PNG")
        assert difference(data, wanted) <= difference(oracle, wanted) + 0.5
        assert len(data) <= 1.02 * len(oracle) + 100


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("width", [None, 160])
@pytest.mark.parametrize("quality", [50, 95])
def test_jpeg_is_turned_as_by_pillow_alone(
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


def resized(data: bytes, to: tuple[int, int | None], out: BinaryIO) -> Image.Image | None:
    """The output of the native library with the finest steps; ``None`` where it refuses."""
    out.seek(0)
    out.truncate()
    image = decoded(data)
    made = planes.compress(data + bytes(1 << 20), image, to, 100, out, small=False)
    out.seek(0)
    return None if made is None else decoded(out.read())


def test_usual_jpegs_are_scaled_by_their_planes(out: BinaryIO) -> None:
    for name in ("usual", "fine chroma", "half chroma", "progressive", "gray", "flat"):
        found = resized(SOURCES[name], (300, 224), out)
        assert found is not None
        assert found.size == (300, 224)
    for name in ("kept as rgb", "cut in half", "no end marker"):
        with contextlib.suppress(OSError):
            assert resized(SOURCES[name], (300, 224), out) is None
    assert not planes.takes(decoded(SOURCES["cmyk"]))


def test_small_profile_is_smaller_when_scaled_too(out: BinaryIO) -> None:
    _, usual = outcome(USUAL, out, fast=True, max_width=300)
    size, small = outcome(USUAL, out, fast=True, max_width=300, profile="small")
    assert size == "jpeg 300x224"
    assert len(small) < 0.92 * len(usual)


@pytest.mark.parametrize("factor", [1.0, 1.1, 1.3, 1.6, 1.9, 2.5, 4.2, 7.5, 9.5, 40])
def test_planes_are_scaled_nearly_as_by_the_lanczos_filter_of_pillow(
    factor: float, out: BinaryIO
) -> None:
    """Blocks that are decoded to fewer samples are a little softer, too little to be seen."""
    plane = photo("coffee.png").convert("L")
    size = pixels.fitted_size(plane.size, round(plane.width / factor), None)
    source = encoded(plane, quality=100)
    oracle = decoded(source).resize(size, Image.Resampling.LANCZOS)
    made = resized(source, (size[0], None), out) if factor != 1 else decoded(source)
    assert made is not None
    off = ImageStat.Stat(ImageChops.difference(made, oracle))
    assert off.mean[0] < 1.5
    assert off.rms[0] < 2.5


@pytest.mark.parametrize("level", [0, 1, 127, 254, 255])
@pytest.mark.parametrize("to", [(69, 49), (31, 22), (9, 6), (1, 1)])
def test_flat_pictures_keep_their_level(level: int, to: tuple[int, int], out: BinaryIO) -> None:
    made = resized(encoded(Image.new("L", (70, 50), level), quality=100), to, out)
    assert made is not None
    assert made.getextrema() == (level, level)


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("kind", ["gray", "4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("quality", [89, 97])
def test_turning_moves_no_sample(orientation: int, kind: str, quality: int, out: BinaryIO) -> None:
    """Also where sides are no multiples of 8, and sampling factors are exchanged."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    mode = {"gray": "L"}.get(kind, "RGB")
    subsampling = {"4:4:4": 0, "4:2:2": 1}.get(kind, 2)
    stored = photo(size=(83, 45)).filter(ImageFilter.GaussianBlur(2)).convert(mode)
    source = encoded(stored, quality=99, subsampling=subsampling, exif=exif) + bytes(10_000)
    fast, data = outcome(source, out, fast=True, quality=quality)
    slow, _ = outcome(source, out, fast=False, quality=quality)
    assert fast == slow
    assert difference(data, encoded(ImageOps.exif_transpose(decoded(source)), "PNG")) < 5
    if quality > 90 and mode == "RGB":
        turned = {(2, 1): (1, 2)}
        layers = [(h, v) for _, h, v, _ in decoded(source).layer]  # type: ignore[attr-defined]
        made = [(h, v) for _, h, v, _ in decoded(data).layer]  # type: ignore[attr-defined]
        assert made == [turned.get(one, one) if orientation > 4 else one for one in layers]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("side", [150, 151, 301])
def test_chroma_stays_with_luma_when_odd_sides_are_turned(
    orientation: int, side: int, out: BinaryIO
) -> None:
    """A sample of chroma covers two of luma. On an odd side the last one covers one, and when the
    picture is turned that one lies at the other end."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = photo("astronaut.png", size=(301, 301))
    source = encoded(stored, quality=100, subsampling=2, exif=exif)
    made = resized(source, (side, side), out)
    assert made is not None
    whole = ImageOps.exif_transpose(decoded(source))
    oracle = whole.resize(made.size, Image.Resampling.LANCZOS)
    off = ImageStat.Stat(ImageChops.difference(made.convert("YCbCr"), oracle.convert("YCbCr")))
    assert max(off.rms) < 2.4


def test_library_refuses_sizes_and_orientations_out_of_range(out: BinaryIO) -> None:
    target = quantisation.usual(80)
    sound = {"eighths": 4, "width": 201, "height": 150, "orientation": 1, "coarse": 1}
    assert coefficients.resize(USUAL, coefficients.Resizing(**sound), target, out)
    for change in (
        {"eighths": 0}, {"eighths": 9}, {"width": 0}, {"width": 300}, {"height": -1},
        {"orientation": 0}, {"orientation": 9}, {"eighths": 8, "width": 20},
    ):  # fmt: skip
        assert not coefficients.resize(USUAL, coefficients.Resizing(**sound | change), target, out)


def test_without_the_library_no_jpeg_is_scaled_by_its_planes(
    out: BinaryIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coefficients, "_library", None)
    assert resized(USUAL, (300, 224), out) is None
