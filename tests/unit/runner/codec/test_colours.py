"""Transparency, palettes, deep pixels and colour profiles on their way through the codec."""

from __future__ import annotations

import struct
import zlib
from typing import Any, BinaryIO

import pytest
from PIL import Image, ImageCms

from support import oddpictures
from support.codecruns import difference, run
from support.iccprofile import DISPLAY_P3, in_srgb, profile
from support.pictures import decoded, encoded, photo


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
def test_transparent_colour_of_a_png_becomes_alpha(
    out: BinaryIO, format_: str, mode: str, key: int | tuple[int, int, int]
) -> None:
    image = Image.new(mode, (64, 64), key)
    image.paste(255 if mode == "1" else 90 if mode == "L" else (20, 90, 200), (0, 0, 32, 64))
    source = encoded(image, "PNG", transparency=key)
    result = decoded(run(source, out, max_width=48, format=format_)[1]).convert("RGBA")
    assert result.size == (48, 48)
    assert _alpha(result, (40, 20)) == 0
    assert _alpha(result, (8, 20)) == 255


def test_png_with_a_transparent_colour_of_sixteen_bits_is_compressed(out: BinaryIO) -> None:
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


def test_sixteen_bits_are_scaled_to_eight_without_clipping(out: BinaryIO) -> None:
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
def test_icc_profile_converts_the_colours_of_a_palette(
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


def _near(pixel: Any, expected: tuple[int, int, int], within: int = 24) -> bool:
    return all(abs(a - b) <= within for a, b in zip(pixel, expected, strict=True))


def _alpha(image: Image.Image, place: tuple[int, int]) -> int:
    pixel = image.getpixel(place)
    assert isinstance(pixel, tuple)
    return int(pixel[3])
