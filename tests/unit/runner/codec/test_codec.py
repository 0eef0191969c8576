"""Usual and unusual images through the codec, in the process of the test."""

from __future__ import annotations

import random
import struct
from io import BytesIO
from typing import Any, BinaryIO

import pytest
from PIL import Image

from imagebatch_core.formats import Format, Kind
from imagebatch_core.results import ErrorCode
from imagebatch_runner.codec.options import CodecOptions
from imagebatch_runner.codec.transcode import compress
from imagebatch_runner.failures import ImageFailed
from support.codecruns import difference, run
from support.pictures import decoded, encoded, jpeg, photo


def failure(data: bytes, out: BinaryIO, **options: Any) -> ErrorCode:
    with pytest.raises(ImageFailed) as caught:
        run(data, out, **options)
    return caught.value.code


def test_photo_becomes_a_smaller_jpeg_that_looks_the_same(out: BinaryIO) -> None:
    source = jpeg()
    result, data = run(source, out)
    assert len(data) < len(source) / 2
    assert (result.kind, result.kept) == (Kind.JPEG, False)
    assert decoded(data).size == (result.width, result.height) == photo().size
    assert difference(decoded(data), photo()) < 8


@pytest.mark.parametrize("format_", Format)
def test_same_input_gives_same_bytes(out: BinaryIO, format_: str) -> None:
    source = encoded(photo(size=(120, 90)), "PNG")
    assert run(source, out, format=format_)[1] == run(source, out, format=format_)[1]


@pytest.mark.parametrize("format_", ["jpeg", "webp", "avif"])
def test_small_profile_gives_fewer_bytes(out: BinaryIO, format_: str) -> None:
    source = encoded(photo("hubble_deep_field.jpg"), "PNG", compress_level=1)
    fast = run(source, out, format=format_)[1]
    small = run(source, out, format=format_, profile="small")[1]
    assert len(small) < len(fast)


def test_output_is_never_bigger_than_its_input(out: BinaryIO) -> None:
    _, source = run(jpeg(), out, quality=10)
    result, data = run(source, out, quality=95)
    assert result.kept
    assert data == source


def test_input_over_the_size_limits_is_never_kept(out: BinaryIO) -> None:
    source = jpeg(quality=3, subsampling=2)
    result, data = run(source, out, quality=100, max_width=photo().width - 1)
    assert not result.kept
    assert decoded(data).width == photo().width - 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_before_metadata_is_stripped(
    out: BinaryIO, orientation: int
) -> None:
    upright = photo(size=(160, 100))
    stored = _stored_as(upright, orientation)
    exif = Image.Exif()
    exif[0x0112] = orientation
    result, data = run(encoded(stored, "JPEG", quality=95, exif=exif), out)
    image = decoded(data)
    assert (result.width, result.height) == image.size == upright.size
    assert difference(image, upright) < 14
    assert len(image.getexif()) == 0


def _stored_as(upright: Image.Image, orientation: int) -> Image.Image:
    """The picture as a camera stores it with that orientation: a viewer turns it back."""
    inverse = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    return upright if inverse is None else upright.transpose(inverse)


def test_limits_hold_for_the_upright_picture(out: BinaryIO) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    tall = encoded(photo(size=(800, 400)), "JPEG", exif=exif)  # seen as 400 x 800
    result, data = run(tall, out, max_height=100)
    assert decoded(data).size == (result.width, result.height) == (50, 100)


def test_scaling_keeps_proportion_and_never_enlarges(out: BinaryIO) -> None:
    result, _ = run(jpeg(size=(400, 300)), out, max_width=200, max_height=200)
    assert (result.width, result.height) == (200, 150)
    result, _ = run(jpeg(size=(400, 300)), out, max_width=4000)
    assert (result.width, result.height) == (400, 300)
    result, _ = run(jpeg(size=(3000, 10)), out, max_width=20)
    assert (result.width, result.height) == (20, 1)


def test_strong_scaling_of_a_jpeg_looks_like_scaling_its_pixels(out: BinaryIO) -> None:
    result, data = run(jpeg(size=(1800, 1200)), out, max_width=150, quality=95)
    assert (result.width, result.height) == (150, 100)
    expected = photo(size=(1800, 1200)).resize((150, 100), Image.Resampling.LANCZOS)
    assert difference(decoded(data), expected) < 8


def test_metadata_is_stripped_or_kept_as_asked(out: BinaryIO) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a red cat"
    exif[0x0112] = 3
    source = encoded(photo(), "JPEG", quality=95, exif=exif, comment=b"secret")
    stripped = run(source, out)[1]
    assert b"a red cat" not in stripped
    assert b"secret" not in stripped
    kept = decoded(run(source, out, metadata="keep")[1]).getexif()
    assert kept[0x010E] == "a red cat"
    assert kept.get(0x0112, 1) == 1


def test_animation_becomes_its_first_frame_in_jpeg_and_stays_an_animation_in_webp(
    out: BinaryIO,
) -> None:
    frames = [photo(size=(80, 60)).rotate(angle) for angle in (0, 90, 180)]
    source = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=80)
    still = decoded(run(source, out, quality=90)[1])
    assert difference(still, frames[0]) < 30
    result, data = run(source, out, format="webp")
    moving = Image.open(BytesIO(data))
    assert (result.kind, getattr(moving, "n_frames", 1)) == (Kind.WEBP, 3)
    moving.close()


def test_animations_have_limits(out: BinaryIO) -> None:
    frames = [photo(size=(80, 60)).rotate(angle) for angle in range(0, 50, 5)]
    source = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert failure(source, out, format="webp", max_frames=9) is ErrorCode.TOO_MANY_FRAMES
    over = failure(source, out, format="webp", max_pixels=80 * 60 * 9)
    assert over is ErrorCode.TOO_MANY_PIXELS


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "GIF"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_truncated_images_fail(out: BinaryIO, format_: str, share: float) -> None:
    source = encoded(photo(), format_)
    assert failure(source[: int(len(source) * share)], out) is ErrorCode.CORRUPT


def test_pixel_bomb_is_refused_by_its_header(out: BinaryIO) -> None:
    bomb = bytearray(encoded(Image.new("RGB", (8, 8)), "PNG"))
    bomb[16:24] = struct.pack(">II", 60_000, 60_000)
    assert failure(bytes(bomb), out) is ErrorCode.TOO_MANY_PIXELS


def test_pixel_limit_holds_where_the_header_gave_no_size(out: BinaryIO) -> None:
    source = encoded(photo(), "TIFF")
    assert failure(source, out, max_pixels=1000) is ErrorCode.TOO_MANY_PIXELS


@pytest.mark.parametrize("format_", [kind.name for kind in Kind])
def test_original_keeps_each_format(out: BinaryIO, format_: str) -> None:
    result, data = run(encoded(photo(size=(90, 60)), format_), out, format="original")
    image = Image.open(BytesIO(data))
    assert image.format == format_
    assert result.kind.value.upper() == format_
    image.close()


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("profile", ["small", "fast"])
@pytest.mark.parametrize(
    ("quality", "size"), [(95, (400, 400)), (100, (3, 3000)), (80, (1, 60_000))]
)
def test_noise_becomes_a_jpeg_of_any_quality(
    quality: int, size: tuple[int, int], *, profile: str, fast: bool, out: BinaryIO
) -> None:
    noise = Image.frombytes("RGB", size, random.Random(1).randbytes(size[0] * size[1] * 3))
    options = CodecOptions(format="jpeg", quality=quality, profile=profile)
    compress(encoded(noise, "PNG"), Kind.PNG, options, out, fast=fast)
    out.seek(0)
    assert decoded(out.read()).size == size


@pytest.mark.parametrize("format_", ["jpeg", "webp"])
@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("orientation", [1, 6])
def test_scaled_jpeg_keeps_its_proportion(
    format_: str, *, fast: bool, orientation: int, out: BinaryIO
) -> None:
    """It is decoded at a fraction of its size first, and sides are rounded up: 13 becomes 7."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    source = encoded(photo(size=(13, 680)), quality=95, exif=exif)
    limits = {"max_width": 4} if orientation == 1 else {"max_height": 4}
    result = compress(source, Kind.JPEG, CodecOptions(format=format_, **limits), out, fast=fast)
    found = (result.width, result.height)
    assert found == ((4, 209) if orientation == 1 else (209, 4))
    out.seek(0)
    assert decoded(out.read()).size == found
