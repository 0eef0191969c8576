"""What the tables of formats say is what Pillow does."""

from __future__ import annotations

from typing import Any, BinaryIO

import pytest
from PIL import ExifTags, Image

from imagebatch_core.formats import BY_EXTENSION, Format, Kind, kind_of
from imagebatch_runner.codec import encode, pixels
from imagebatch_runner.codec.formats import FORMATS
from imagebatch_runner.codec.options import CodecOptions
from support.pictures import decoded, encoded, photo

XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"


def by_pillow(image: Image.Image, kind: Kind, **options: Any) -> Image.Image | None:
    """``image`` as Pillow writes it, read again; ``None`` where it cannot."""
    try:
        return decoded(encoded(image, kind.name, **options))
    except OSError:
        return None


def test_every_kind_has_a_row_in_the_order_in_which_decoders_are_tried() -> None:
    assert list(FORMATS) == list(Kind)


def test_every_format_that_can_be_asked_for_is_a_kind_or_that_of_the_image() -> None:
    assert {format_.value for format_ in Format} <= {*Kind, "original"}


@pytest.mark.parametrize("kind", Kind)
def test_pillow_has_the_same_name_media_type_and_extensions(kind: Kind) -> None:
    Image.init()
    assert kind.name in Image.OPEN
    assert kind.name in Image.SAVE
    assert Image.MIME[kind.name] == kind.media_type
    theirs = Image.registered_extensions()
    assert {theirs[f".{extension}"] for extension in kind.extensions} == {kind.name}


def test_no_two_kinds_share_an_extension() -> None:
    assert len(BY_EXTENSION) == sum(len(kind.extensions) for kind in Kind)


@pytest.mark.parametrize("kind", Kind)
def test_file_is_recognised_by_its_first_bytes(kind: Kind) -> None:
    data = encoded(photo(size=(40, 30)), kind.name)
    assert [other for other in Kind if other.matches(data)] == [kind]
    assert kind_of(data[:27]) is kind


def test_text_that_begins_like_a_bitmap_is_not_one() -> None:
    assert kind_of(b"BMW, Audi and other makers of cars\n") is None


@pytest.mark.parametrize("kind", Kind)
def test_transparency_is_stored_where_the_table_says_so(kind: Kind) -> None:
    stored = by_pillow(Image.new("RGBA", (40, 30), (200, 0, 0, 0)), kind)
    assert FORMATS[kind].alpha is (stored is not None and stored.has_transparency_data)


@pytest.mark.parametrize("kind", Kind)
def test_palette_is_stored_where_the_table_says_so(kind: Kind) -> None:
    stored = by_pillow(photo(size=(40, 30)).quantize(16), kind)
    assert FORMATS[kind].palette is (stored is not None and stored.mode == "P")


@pytest.mark.parametrize("kind", Kind)
def test_metadata_is_written_where_the_table_says_so(kind: Kind) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "maker"
    stored = by_pillow(photo(size=(40, 30)), kind, exif=exif.tobytes(), xmp=XMP)
    assert stored is not None
    found = {"exif": stored.getexif().get(ExifTags.Base.Make), "xmp": stored.info.get("xmp")}
    assert {name for name, value in found.items() if value} == set(FORMATS[kind].metadata)


@pytest.mark.parametrize("kind", [kind for kind in Kind if not FORMATS[kind].alpha])
def test_transparent_pixels_are_white_where_there_is_no_transparency(
    kind: Kind, out: BinaryIO
) -> None:
    image, options = Image.new("RGBA", (40, 30), (200, 0, 0, 0)), CodecOptions(format=kind.value)
    frame = pixels.prepared(image, kind, options, image.size)
    encode.still(frame, kind, options, metadata={}, out=out)
    out.seek(0)
    assert decoded(out.read()).getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.parametrize("kind", [kind for kind in Kind if FORMATS[kind].animates])
def test_animation_has_as_many_frames_as_it_was_made_of(kind: Kind, out: BinaryIO) -> None:
    images = [photo(size=(40, 30)).rotate(turn) for turn in (0, 90, 180)]
    encode.animation(images, [80] * 3, kind, CodecOptions(), loop=0, out=out)
    out.seek(0)
    data = out.read()
    assert getattr(decoded(data), "n_frames", 1) == 3
    assert FORMATS[kind].frames(data, 100) in {3, None}


def test_formats_that_hold_several_pictures_are_animations_unless_they_have_pages() -> None:
    Image.init()
    pages = {Kind.JPEG, Kind.TIFF}  # several photographs of one scene; pages of a document
    several = {kind for kind in Kind if kind.name in Image.SAVE_ALL}
    assert {kind for kind in Kind if FORMATS[kind].animates} == several - pages
