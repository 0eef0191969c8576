"""Odd and ordinary images through the codec, without a process between."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from typing import Any, BinaryIO

import pytest
from PIL import Image, ImageChops, ImageCms, ImageStat

from imagebatch_core.formats import Format, Kind
from imagebatch_core.results import ErrorCode
from imagebatch_runner.codec.options import CodecOptions
from imagebatch_runner.codec.sniff import sniff
from imagebatch_runner.codec.transcode import Encoded, compress
from imagebatch_runner.failures import ImageFailed
from imagebatch_runner.workers import memfile
from support import oddpictures
from support.iccprofile import DISPLAY_P3, in_srgb, profile
from support.pictures import decoded, encoded, jpeg, photo


@pytest.fixture
def out() -> Iterator[BinaryIO]:
    with open(memfile.create("test"), "r+b", buffering=0) as file:  # noqa: PTH123 - a descriptor
        yield file


def run(data: bytes, out: BinaryIO, **options: Any) -> tuple[Encoded, bytes]:
    """As the worker does it: sniffed, compressed, and the bytes that are stored."""
    chosen = CodecOptions(**options)
    kind = sniff(data, max_pixels=chosen.max_pixels).kind
    out.seek(0)
    out.truncate()
    result = compress(data, kind, chosen, out)
    if result.kept:
        return result, data
    out.seek(0)
    return result, out.read()


def failure(data: bytes, out: BinaryIO, **options: Any) -> ErrorCode:
    with pytest.raises(ImageFailed) as caught:
        run(data, out, **options)
    return caught.value.code


def difference(one: Image.Image, other: Image.Image) -> float:
    """Root mean square over all channels, 0 to 255."""
    stat = ImageStat.Stat(ImageChops.difference(one.convert("RGB"), other.convert("RGB")))
    return max(stat.rms)


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
    """As a camera of that orientation stores it: the inverse of what a viewer does."""
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


def test_transparency_is_laid_on_white_for_jpeg(out: BinaryIO) -> None:
    image = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (0, 0, 32, 64))
    _, data = run(encoded(image, "PNG"), out, max_width=63)
    flat = decoded(data)
    assert _near(flat.getpixel((55, 30)), (255, 255, 255))
    assert _near(flat.getpixel((8, 30)), (0, 0, 255))


def test_transparent_palette_is_laid_on_white_and_survives_in_webp(out: BinaryIO) -> None:
    image = Image.new("P", (64, 64), 0)
    image.putpalette([255, 0, 0, 0, 128, 0] + [0] * 762)
    image.paste(1, (0, 0, 32, 64))
    source = encoded(image, "PNG", transparency=0)
    flat = decoded(run(source, out, max_width=63)[1])
    assert _near(flat.getpixel((55, 30)), (255, 255, 255))
    assert _near(flat.getpixel((8, 30)), (0, 128, 0))
    alpha = decoded(run(source, out, max_width=63, format="webp")[1]).convert("RGBA")
    assert _alpha(alpha, (55, 30)) == 0
    assert _alpha(alpha, (8, 30)) == 255


@pytest.mark.parametrize("format_", ["webp", "avif", "png"])
@pytest.mark.parametrize(("mode", "key"), [("RGB", (200, 30, 30)), ("L", 200), ("1", 0)])
def test_colour_that_stands_for_transparent_is_alpha_afterwards(
    out: BinaryIO, format_: str, mode: str, key: int | tuple[int, int, int]
) -> None:
    image = Image.new(mode, (64, 64), key)
    image.paste(255 if mode == "1" else 90 if mode == "L" else (20, 90, 200), (0, 0, 32, 64))
    source = encoded(image, "PNG", transparency=key)
    result = decoded(run(source, out, max_width=48, format=format_)[1]).convert("RGBA")
    assert result.size == (48, 48)
    assert _alpha(result, (40, 20)) == 0
    assert _alpha(result, (8, 20)) == 255


def test_transparent_colour_of_sixteen_bits_does_not_fail_its_image(out: BinaryIO) -> None:
    source = oddpictures.deep_png(photo(size=(60, 40)))
    key = struct.pack(">I4s6s", 6, b"tRNS", b"\xff\xff" * 3)
    key += struct.pack(">I", zlib.crc32(key[4:]))
    at = source.index(b"IDAT") - 4
    result, _ = run(source[:at] + key + source[at:], out, max_width=30, format="webp")
    assert (result.width, result.height) == (30, 20)


def test_grey_with_alpha_and_one_bit_images_become_grey_or_rgb(out: BinaryIO) -> None:
    grey = photo(size=(90, 60)).convert("L")
    with_alpha = Image.merge("LA", (grey, Image.new("L", grey.size, 255)))
    assert difference(decoded(run(encoded(with_alpha, "PNG"), out)[1]), grey) < 12
    bits = grey.convert("1")
    result, data = run(encoded(bits, "PNG"), out, max_width=45)
    assert decoded(data).size == (result.width, 30)


def test_cmyk_becomes_rgb_with_its_colours(out: BinaryIO) -> None:
    cmyk = photo().convert("CMYK")
    image = decoded(run(encoded(cmyk, "JPEG", quality=95), out)[1])
    assert image.mode == "RGB"
    assert difference(image, photo()) < 10


def test_sixteen_bits_are_divided_not_clipped(out: BinaryIO) -> None:
    grey = photo(size=(160, 120)).convert("L")
    words = b"".join(struct.pack("<H", value * 257) for value in grey.tobytes())
    sixteen = Image.frombytes("I;16", grey.size, words)
    _, data = run(encoded(sixteen, "PNG"), out)
    assert difference(decoded(data), grey) < 12


def test_icc_profile_is_converted_to_srgb(out: BinaryIO) -> None:
    linear = _profile_with_gamma_one()
    source = encoded(Image.new("RGB", (300, 300), (55, 55, 55)), "JPEG", icc_profile=linear)
    image = decoded(run(source, out, max_width=299)[1])
    # Linear 55/255 is 0.216; the sRGB transfer function makes 0.503 of it, 128 of 255.
    assert _near(image.getpixel((10, 10)), (128, 128, 128), 4)
    assert "icc_profile" not in image.info


@pytest.mark.parametrize("mode", ["P", "PA"])
@pytest.mark.parametrize("format_", ["jpeg", "png"])
def test_icc_profile_is_about_the_colours_of_a_palette_as_well(
    out: BinaryIO, mode: str, format_: str
) -> None:
    image = Image.new("RGB", (60, 40), (200, 100, 60)).quantize(4).convert(mode)
    wide = profile(DISPLAY_P3)
    source = encoded(image, "PNG" if mode == "P" else "TIFF", icc_profile=wide)
    small = decoded(run(source, out, max_width=50, format=format_, quality=95)[1])
    assert _near(small.convert("RGB").getpixel((9, 9)), in_srgb((200, 100, 60), DISPLAY_P3), 4)


def test_broken_icc_profile_and_exif_are_ignored(out: BinaryIO) -> None:
    source = encoded(photo(), "JPEG", quality=95, icc_profile=b"nonsense" * 40, exif=b"Exif\0\0II*")
    _, data = run(source, out)
    assert difference(decoded(data), photo()) < 8


def _profile_with_gamma_one() -> bytes:
    """sRGB's primaries with a linear curve: the curve tags' bytes are replaced in place."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack(">I", profile[128:132])[0]
    for tag in range(count):
        name, offset, size = struct.unpack(">4sII", profile[132 + 12 * tag : 144 + 12 * tag])
        if name in (b"rTRC", b"gTRC", b"bTRC"):
            profile[offset : offset + 12] = b"curv\0\0\0\0\0\0\0\0"  # no entries: identity
        if name == b"desc":
            text = profile[offset : offset + size].replace(
                "sRGB".encode("utf-16-be"), "Line".encode("utf-16-be")
            )
            profile[offset : offset + size] = text
    return bytes(profile)


def test_animation_becomes_its_first_frame_or_stays_one(out: BinaryIO) -> None:
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


def test_pixel_bomb_is_refused_on_its_header(out: BinaryIO) -> None:
    bomb = bytearray(encoded(Image.new("RGB", (8, 8)), "PNG"))
    bomb[16:24] = struct.pack(">II", 60_000, 60_000)
    assert failure(bytes(bomb), out) is ErrorCode.TOO_MANY_PIXELS


def test_pixel_limit_holds_where_the_header_was_not_understood(out: BinaryIO) -> None:
    source = encoded(photo(), "TIFF")
    assert failure(source, out, max_pixels=1000) is ErrorCode.TOO_MANY_PIXELS


@pytest.mark.parametrize("format_", [kind.name for kind in Kind])
def test_original_keeps_each_format(out: BinaryIO, format_: str) -> None:
    result, data = run(encoded(photo(size=(90, 60)), format_), out, format="original")
    image = Image.open(BytesIO(data))
    assert image.format == format_
    assert result.kind.value.upper() == format_
    image.close()


def test_options_are_plain_values() -> None:
    assert replace(CodecOptions(), quality=70).quality == 70


def _near(pixel: Any, expected: tuple[int, int, int], within: int = 24) -> bool:
    return all(abs(a - b) <= within for a, b in zip(pixel, expected, strict=True))


def _alpha(image: Image.Image, place: tuple[int, int]) -> int:
    pixel = image.getpixel(place)
    assert isinstance(pixel, tuple)
    return int(pixel[3])


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
    """It is decoded to some eighths first, rounded up: a side of 13 to 7."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    source = encoded(photo(size=(13, 680)), quality=95, exif=exif)
    limits = {"max_width": 4} if orientation == 1 else {"max_height": 4}
    result = compress(source, Kind.JPEG, CodecOptions(format=format_, **limits), out, fast=fast)
    found = (result.width, result.height)
    assert found == ((4, 209) if orientation == 1 else (209, 4))
    out.seek(0)
    assert decoded(out.read()).size == found
