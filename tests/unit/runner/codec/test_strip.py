"""Metadata is removed from images that are kept, and the picture stays the same."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from typing import BinaryIO

import pytest
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from imagebatch_core.formats import Kind
from imagebatch_runner.codec.options import CodecOptions
from imagebatch_runner.codec.strip import stripped
from imagebatch_runner.codec.transcode import compress
from support.pictures import decoded, encoded, photo

SMALL = photo(size=(64, 48))
SECRET = b"taken at home"
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>taken at home</x:xmpmeta>"
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def exif(orientation: int) -> Image.Exif:
    made = Image.Exif()
    made[0x0112] = orientation
    made[0x010E] = SECRET.decode()
    return made


def source(kind: Kind, orientation: int = 1) -> bytes:
    """A picture with all the metadata that the format can hold."""
    common = {"exif": exif(orientation), "icc_profile": PROFILE}
    if kind is Kind.PNG:
        text = PngImagePlugin.PngInfo()
        text.add_text("Comment", SECRET.decode())
        text.add_itxt("XML:com.adobe.xmp", XMP.decode())
        text.add_text("Long", SECRET.decode() * 9, zip=True)
        return encoded(SMALL, "PNG", pnginfo=text, **common)
    if kind is Kind.JPEG:
        jpeg = encoded(SMALL, "JPEG", comment=SECRET, xmp=XMP, progressive=True, **common)
        photoshop = b"\xff\xed" + (15 + 2).to_bytes(2, "big") + b"8 " + SECRET
        return jpeg[:2] + photoshop + jpeg[2:] + b"\xff\xd8" + SECRET
    return encoded(SMALL, "WEBP", xmp=XMP, **common)


KINDS = [Kind.JPEG, Kind.PNG, Kind.WEBP]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("orientation", [1, 6])
def test_metadata_is_removed_and_the_picture_stays(kind: Kind, orientation: int) -> None:
    data = source(kind, orientation)
    bare = stripped(data, kind)
    assert SECRET in data
    assert SECRET not in bare
    assert len(bare) < len(data)
    before, after = decoded(data), decoded(bare)
    assert after.tobytes() == before.tobytes()
    assert after.info["icc_profile"] == PROFILE
    assert dict(after.getexif()) == ({} if orientation == 1 else {0x0112: orientation})
    assert ImageOps.exif_transpose(after).size == ImageOps.exif_transpose(before).size


@pytest.mark.parametrize("kind", KINDS)
def test_file_without_metadata_is_unchanged(kind: Kind) -> None:
    bare = stripped(source(kind), kind)
    assert stripped(bare, kind) == bare


def test_colour_model_of_a_jpeg_is_kept() -> None:
    data = encoded(SMALL.convert("CMYK"), "JPEG", exif=exif(1))
    bare = stripped(data, Kind.JPEG)
    assert len(bare) < len(data)
    assert decoded(bare).tobytes() == decoded(data).tobytes()


def test_animation_and_transparency_of_a_webp_are_kept() -> None:
    frames = [SMALL.convert("RGBA"), SMALL.transpose(Image.Transpose.ROTATE_180).convert("RGBA")]
    frames[0].putalpha(100)
    data = encoded(
        frames[0], "WEBP", save_all=True, append_images=frames[1:], exif=exif(1), lossless=True
    )
    bare = stripped(data, Kind.WEBP)
    assert SECRET not in bare
    assert decoded(bare).tobytes() == decoded(data).tobytes()
    with Image.open(BytesIO(bare)) as image:
        assert getattr(image, "n_frames", 1) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_broken_file_is_unchanged(kind: Kind) -> None:
    data = source(kind)
    for length in range(0, len(data) - 20, 7):
        cut = stripped(data[:length], kind)
        assert cut == data[:length] or SECRET not in cut


@pytest.mark.parametrize("cut", [12, 8, 1])
def test_metadata_is_removed_from_a_png_that_ends_early_after_its_pixels(cut: int) -> None:
    data = source(Kind.PNG)[:-cut]
    bare = stripped(data, Kind.PNG)
    assert SECRET not in bare
    assert decoded(bare).tobytes() == decoded(data).tobytes()


def test_image_that_gets_no_smaller_loses_only_its_metadata(out: BinaryIO) -> None:
    data = encoded(SMALL, quality=5, comment=SECRET * 5, optimize=True, keep_rgb=True)
    options = CodecOptions(quality=100)
    assert compress(data, Kind.JPEG, replace(options, metadata="keep"), out).kept
    result = compress(data, Kind.JPEG, options, out)
    out.seek(0)
    output = out.read()
    assert not result.kept
    assert (result.width, result.height) == SMALL.size
    assert SECRET not in output
    assert len(output) < len(data)
    assert decoded(output).tobytes() == decoded(data).tobytes()
    assert compress(output, Kind.JPEG, options, out).kept
