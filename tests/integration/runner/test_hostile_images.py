"""Images that are broken, bombs or odd, through a real worker: a stable code or a right picture."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import AsyncIterator
from functools import cache
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image, ImageChops, ImageStat

from imagebatch_core.formats import Format, Kind
from imagebatch_core.results import ErrorCode
from imagebatch_runner.workers.decoders import Compressed, DecoderPool
from support import iccprofile, oddpictures
from support.decoding import ended
from support.pictures import decoded, encoded, jpeg, photo

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one worker for all of them
FORMATS = [kind.name for kind in Kind]
TARGETS = [format_.value for format_ in Format]
PHOTO = photo(size=(160, 120))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def workers() -> AsyncIterator[DecoderPool]:
    """Address space for some 40 megapixels, so that a bomb that is decoded shows."""
    async with DecoderPool(1, timeout=60, memory=700 << 20) as pool:
        yield pool


async def picture(pool: DecoderPool, data: bytes, **options: Any) -> Image.Image:
    """The output's pixels; scaled by one pixel unless told, so that it is never the input kept."""
    found = await ended(pool, data, **({"quality": 95} | options))
    assert isinstance(found, Compressed), found
    return decoded(found.data)


def difference(one: Image.Image, other: Image.Image) -> float:
    """Root mean square of the worst channel, 0 to 255."""
    assert one.size == other.size
    stat = ImageStat.Stat(ImageChops.difference(one.convert("RGB"), other.convert("RGB")))
    return max(stat.rms)


# Broken files


@pytest.mark.parametrize("format_", FORMATS)
async def test_no_picture_is_made_of_a_cut_off_file(workers: DecoderPool, format_: str) -> None:
    data = encoded(PHOTO, format_)
    for share in (0.999, 0.9, 0.6, 0.3, 0.1, 0.02):
        cut = data[: int(len(data) * share)]
        found = await ended(workers, cut, format="png")
        assert found in {ErrorCode.CORRUPT, ErrorCode.UNSUPPORTED_FORMAT, ErrorCode.NOT_AN_IMAGE}


@pytest.mark.parametrize("format_", FORMATS)
async def test_file_whose_middle_is_zeroed_is_corrupt_or_told_apart(
    workers: DecoderPool, format_: str
) -> None:
    """Without sums in the format, what decodes is a picture of the announced size."""
    data = bytearray(encoded(PHOTO, format_))
    data[40 : len(data) * 3 // 4] = bytes(len(data) * 3 // 4 - 40)
    found = await ended(workers, bytes(data), format="png")
    if isinstance(found, Compressed):
        assert format_ not in {"PNG", "JPEG", "AVIF"}
        assert (found.width, found.height) == PHOTO.size
    else:
        assert found in {ErrorCode.CORRUPT, ErrorCode.TOO_MANY_PIXELS, ErrorCode.UNSUPPORTED_FORMAT}


@pytest.mark.parametrize("format_", FORMATS)
async def test_damage_anywhere_gives_a_picture_or_a_code_and_never_ends_the_worker(
    workers: DecoderPool, format_: str
) -> None:
    chance = random.Random(format_)
    data = encoded(photo(size=(48, 32)), format_)
    for _ in range(40):
        broken = bytearray(data)
        for _ in range(chance.choice((1, 1, 3, 20))):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        found = await ended(workers, bytes(broken), format="jpeg", max_pixels=1_000_000)
        if isinstance(found, Compressed):
            assert decoded(found.data).size == (found.width, found.height)
        else:
            assert found not in {ErrorCode.DECODER_CRASHED, ErrorCode.DECODER_TIMEOUT}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", ErrorCode.EMPTY),
        (b"<!DOCTYPE html><html><body>gone</body></html>", ErrorCode.NOT_AN_IMAGE),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", ErrorCode.UNSUPPORTED_FORMAT),
        (b"<?xml version='1.0'?>\n<!DOCTYPE svg>\n<svg/>", ErrorCode.UNSUPPORTED_FORMAT),
        (b"<!-- drawn --><svg/>", ErrorCode.UNSUPPORTED_FORMAT),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", ErrorCode.NOT_AN_IMAGE),
        (b"\xff\xd8\xff", ErrorCode.CORRUPT),
        (b"\x89PNG\r\n\x1a\n", ErrorCode.CORRUPT),
        (b"GIF89a", ErrorCode.CORRUPT),
        (b"RIFF\0\0\0\0WEBP", ErrorCode.CORRUPT),
        (b"II*\0\0\0\0\0", ErrorCode.UNSUPPORTED_FORMAT),
        (b"BM" + bytes(100), ErrorCode.CORRUPT),
        (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf", ErrorCode.CORRUPT),
        (b"\xff\xd8" + b"\xff" * (64 << 20), ErrorCode.CORRUPT),
        (b"\xff\xd8\xff\xd0" + b"\xff\xd0" * (32 << 20), ErrorCode.CORRUPT),
    ],
)
async def test_what_is_no_whole_image_has_its_code(
    workers: DecoderPool, data: bytes, code: ErrorCode
) -> None:
    assert await ended(workers, data) is code


# Bombs


@pytest.mark.parametrize("kind", oddpictures.CLAIMING)
async def test_header_that_claims_too_many_pixels_is_enough_to_refuse(
    workers: DecoderPool, kind: str
) -> None:
    """Before decoding: the worker could not hold them."""
    assert await ended(workers, oddpictures.claiming(kind, 16000, 16000)) is (
        ErrorCode.TOO_MANY_PIXELS
    )


#: The headers of these WebPs store the size less one, and a GIF has its frame's size beside.
SIZE_MAY_BE_NONE = [
    kind for kind in oddpictures.CLAIMING if kind not in {"lossless webp", "extended webp", "gif"}
]


@pytest.mark.parametrize("kind", SIZE_MAY_BE_NONE)
@pytest.mark.parametrize("size", [(0, 64), (64, 0), (0, 0)])
async def test_picture_without_pixels_has_a_code(
    workers: DecoderPool, kind: str, size: tuple[int, int]
) -> None:
    found = await ended(workers, oddpictures.claiming(kind, *size))
    assert found in {ErrorCode.CORRUPT, ErrorCode.UNSUPPORTED_FORMAT}


async def test_frame_larger_than_its_screen_is_refused(workers: DecoderPool) -> None:
    bomb = oddpictures.gif_frame_beyond_its_screen(16000, 16000)
    assert await ended(workers, bomb, format="png") is ErrorCode.TOO_MANY_PIXELS


@cache
def zeros() -> bytes:
    """More than a worker can hold, in some megabytes."""
    packer = zlib.compressobj(1)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(768)) + packer.flush()


@pytest.mark.parametrize("name", [b"iCCP", b"zTXt", b"iTXt"])
async def test_compressed_chunk_of_a_png_is_not_unpacked_without_end(
    workers: DecoderPool, name: bytes
) -> None:
    head = {b"iCCP": b"a\0\0", b"zTXt": b"a\0\0", b"iTXt": b"a\0\1\0\0\0"}[name]
    lines = bytes(1 + 3 * 4) * 4
    data = oddpictures.png(4, 4, 8, 2, lines, oddpictures.chunk(name, head + zeros()))
    found = await ended(workers, data, format="jpeg")
    assert isinstance(found, Compressed) or found is ErrorCode.CORRUPT


# Animations


def animated(format_: str, frames: int, **options: Any) -> bytes:
    images = [photo(size=(24, 16)).rotate(3 * number) for number in range(frames)]
    return encoded(images[0], format_, save_all=True, append_images=images[1:], **options)


@pytest.mark.parametrize("format_", ["GIF", "WEBP", "PNG", "AVIF"])
async def test_animation_over_a_limit_is_refused_and_one_within_stays_whole(
    workers: DecoderPool, format_: str
) -> None:
    data = animated(format_, 12)
    over = await ended(workers, data, format="webp", max_frames=11)
    assert over is ErrorCode.TOO_MANY_FRAMES
    too_large = await ended(workers, data, format="webp", max_pixels=12 * 24 * 16 - 1)
    assert too_large is ErrorCode.TOO_MANY_PIXELS
    moving = await ended(workers, data, format="webp", max_frames=12, max_pixels=12 * 24 * 16)
    assert isinstance(moving, Compressed)
    assert getattr(decoded(moving.data), "n_frames", 1) == 12


@pytest.mark.parametrize("format_", ["GIF", "WEBP", "PNG", "AVIF"])
async def test_first_frame_of_an_animation_becomes_the_jpeg(
    workers: DecoderPool, format_: str
) -> None:
    still = await picture(workers, animated(format_, 12), format="jpeg", max_frames=3)
    assert difference(still, photo(size=(24, 16))) < 25  # a GIF's palette is coarse


# Right pictures


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("target", TARGETS)
async def test_one_pixel_is_a_picture(workers: DecoderPool, format_: str, target: str) -> None:
    data = encoded(Image.new("RGB", (1, 1), (200, 100, 50)), format_)
    image = await picture(workers, data, format=target)
    assert image.size == (1, 1)
    assert near(image.convert("RGB").getpixel((0, 0)), (200, 100, 50), 12)


@pytest.mark.parametrize("target", TARGETS)
async def test_progressive_jpeg_looks_like_the_baseline_one(
    workers: DecoderPool, target: str
) -> None:
    image = await picture(workers, jpeg(progressive=True), format=target, max_width=300)
    assert difference(image, photo().resize(image.size, Image.Resampling.LANCZOS)) < 8


def adobe_cmyk() -> bytes:
    return encoded(PHOTO.convert("CMYK"), "JPEG", quality=98, subsampling=0)


def plain_cmyk() -> bytes:
    """Without Adobe's marker; browsers take it for inverted all the same."""
    data = adobe_cmyk()
    at = data.index(b"\xff\xee")
    (length,) = struct.unpack(">H", data[at + 2 : at + 4])
    return data[:at] + data[at + 2 + length :]


CMYK = {
    "Adobe, inverted": adobe_cmyk,
    "without Adobe's marker": plain_cmyk,
    "luma, chroma and black": lambda: oddpictures.ycck_jpeg(PHOTO.convert("CMYK")),
    "TIFF": lambda: encoded(PHOTO.convert("CMYK"), "TIFF"),
}


@pytest.mark.parametrize("kind", CMYK)
@pytest.mark.parametrize("target", ["jpeg", "webp", "png"])
async def test_cmyk_has_the_colours_of_its_inks(
    workers: DecoderPool, kind: str, target: str
) -> None:
    image = await picture(workers, CMYK[kind](), format=target, max_width=159)
    assert image.mode == "RGB"
    assert difference(image, PHOTO.resize(image.size, Image.Resampling.LANCZOS)) < 10


DEEP = {
    **{f"PNG, {mode}": (mode, oddpictures.deep_png) for mode in ("L", "LA", "RGB", "RGBA")},
    "TIFF, RGB": ("RGB", oddpictures.deep_tiff),
    "TIFF, L": (
        "L",
        lambda image: encoded(
            Image.frombytes("I;16", image.size, bytes(v for b in image.tobytes() for v in (b, b))),
            "TIFF",
        ),
    ),
}


@pytest.mark.parametrize("kind", DEEP)
@pytest.mark.parametrize("target", ["jpeg", "webp", "png", "original"])
async def test_sixteen_bits_become_the_same_picture_in_eight(
    workers: DecoderPool, kind: str, target: str
) -> None:
    mode, deep = DEEP[kind]
    image = await picture(workers, deep(PHOTO.convert(mode)), format=target)
    expected = PHOTO.convert("L") if mode[0] == "L" else PHOTO
    assert difference(image, expected) < 8


def palette_with_alpha(colours: int) -> Image.Image:
    """Left half green and opaque, right half red and a quarter opaque."""
    image = Image.new("P", (64, 32), 1)
    image.putpalette([0, 128, 0, 255, 0, 0] + [9, 9, 9] * (colours - 2))
    image.paste(0, (0, 0, 32, 32))
    return image


@pytest.mark.parametrize("colours", [2, 4, 16, 256])
async def test_palette_with_graded_alpha_is_laid_on_white_and_kept_where_it_can_be(
    workers: DecoderPool, colours: int
) -> None:
    data = encoded(palette_with_alpha(colours), "PNG", transparency=bytes([255, 64]))
    flat = await picture(workers, data, max_width=63)
    assert near(flat.getpixel((10, 10)), (0, 128, 0))
    assert near(flat.getpixel((50, 10)), (255, 191, 191))
    for target in ("webp", "avif", "png"):
        clear = (await picture(workers, data, format=target, max_width=63)).convert("RGBA")
        assert near(clear.getpixel((10, 10)), (0, 128, 0, 255))
        assert near(clear.getpixel((50, 10)), (255, 0, 0, 64))


STORED_AS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", STORED_AS)
async def test_picture_stands_upright_whatever_its_orientation(
    workers: DecoderPool, format_: str, orientation: int
) -> None:
    how = STORED_AS[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(PHOTO if how is None else PHOTO.transpose(how), format_, exif=exif, quality=95)
    image = await picture(workers, data, quality=60)
    assert difference(image, PHOTO) < 14
    assert image.getexif().get(0x0112, 1) == 1


LEAST_LOSS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 100, "subsampling": 0},
    "PNG": {},
    "WEBP": {"lossless": True},
    "TIFF": {},
    "AVIF": {"quality": 100, "subsampling": "4:4:4"},
}
WIDE = {"Display P3": iccprofile.DISPLAY_P3, "Adobe RGB": iccprofile.ADOBE_RGB}
COLOURS = [(128, 128, 128), (200, 100, 60), (60, 160, 90), (90, 80, 200), (255, 0, 0), (0, 255, 0)]


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("gamut", WIDE)
async def test_wide_gamut_is_converted_to_srgb_by_colour(
    workers: DecoderPool, format_: str, gamut: str
) -> None:
    """Against the definition of both spaces, not against another library's conversion."""
    primaries = WIDE[gamut]
    for colour in COLOURS:
        data = encoded(
            Image.new("RGB", (32, 32), colour),
            format_,
            icc_profile=iccprofile.profile(primaries),
            **LEAST_LOSS[format_],
        )
        for target in ("png", "jpeg"):
            image = await picture(workers, data, format=target, max_width=31, quality=98)
            expected = iccprofile.in_srgb(colour, primaries)
            assert near(image.convert("RGB").getpixel((9, 9)), expected, 5), (colour, target)
            assert "icc_profile" not in image.info


async def test_second_image_of_a_file_is_left_out(workers: DecoderPool) -> None:
    data = oddpictures.mpo(PHOTO, photo(size=(80, 60)))
    assert difference(await picture(workers, data), PHOTO) < 10


# Metadata


def huge_exif(size: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x010E] = "x" * size
    return exif


@pytest.mark.parametrize("format_", ["PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("keep", [False, True])
async def test_huge_exif_is_no_reason_to_fail(
    workers: DecoderPool, format_: str, keep: bool
) -> None:
    """A JPEG holds 64 KiB of it at most; then it goes without."""
    data = encoded(PHOTO, format_, exif=huge_exif(3 << 20))
    image = await picture(workers, data, metadata="keep" if keep else "strip")
    assert difference(image, PHOTO) < 8


async def test_huge_icc_profile_is_no_reason_to_fail(workers: DecoderPool) -> None:
    profile = iccprofile.profile(iccprofile.DISPLAY_P3)
    large = struct.pack(">I", 8 << 20) + profile[4:] + bytes((8 << 20) - len(profile))
    image = await picture(workers, encoded(PHOTO, "JPEG", quality=95, icc_profile=large))
    assert image.size == PHOTO.size


async def test_many_metadata_segments_before_the_picture_are_skipped(workers: DecoderPool) -> None:
    data = jpeg(size=(60, 40))
    for marker in (b"\xff\xe1", b"\xff\xe2", b"\xff\xed", b"\xff\xee", b"\xff\xfe"):
        segment = marker + struct.pack(">H", 65535) + bytes(65533)
        found = await ended(workers, data[:2] + segment * 300 + data[2:])
        assert isinstance(found, Compressed), marker
        assert (found.kind, found.width) == (Kind.JPEG, 60)


def near(pixel: Any, expected: tuple[int, ...], within: int = 24) -> bool:
    return all(abs(a - b) <= within for a, b in zip(pixel, expected, strict=True))
