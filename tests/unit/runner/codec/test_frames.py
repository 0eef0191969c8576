from __future__ import annotations

from typing import Any

import pytest

from imagebatch_core.formats import Kind
from imagebatch_runner.codec.formats import FORMATS
from imagebatch_runner.codec.options import CodecOptions
from imagebatch_runner.codec.sniff import sniff
from imagebatch_runner.content import Content
from imagebatch_runner.memory import weight
from imagebatch_runner.steps.image import pixels_at_once
from support.pictures import encoded, photo

TINY_FRAME = b"\x2c\0\0\0\0\1\0\1\0\0\x02\x02\x44\x01\0"
COUNTED = [Kind.GIF, Kind.WEBP, Kind.PNG]


def animation(kind: Kind, number: int, **options: Any) -> bytes:
    images = [photo(size=(60, 40)).rotate(7 * turn) for turn in range(number)]
    more = {"save_all": True, "append_images": images[1:]} if number > 1 else {}
    return encoded(images[0], kind.value.upper(), **more, **options)


@pytest.mark.parametrize("kind", COUNTED)
@pytest.mark.parametrize("number", [1, 2, 7])
def test_frames_are_counted_up_to_the_limit(kind: Kind, number: int) -> None:
    data = animation(kind, number)
    assert FORMATS[kind].frames(data, 100) == number
    assert FORMATS[kind].frames(data, 2) == min(number, 2)


def test_extensions_and_colour_tables_between_the_frames_of_a_gif_are_skipped() -> None:
    assert FORMATS[Kind.GIF].frames(animation(Kind.GIF, 4, comment=b"," * 900), 100) == 4


def test_avif_sequence_is_recognised_but_not_counted() -> None:
    assert FORMATS[Kind.AVIF].frames(animation(Kind.AVIF, 1), 100) == 1
    assert FORMATS[Kind.AVIF].frames(animation(Kind.AVIF, 3), 100) is None


@pytest.mark.parametrize("kind", [Kind.JPEG, Kind.TIFF, Kind.BMP])
def test_other_kinds_have_one_frame(kind: Kind) -> None:
    assert FORMATS[kind].frames(encoded(photo(size=(60, 40)), kind.value.upper()), 100) == 1


def test_count_of_millions_ends_at_the_limit() -> None:
    """Walking through them all would take minutes."""
    data = animation(Kind.GIF, 2)[:-1] + TINY_FRAME * 4_000_000
    assert FORMATS[Kind.GIF].frames(data, 501) == 501


@pytest.mark.parametrize("kind", [*COUNTED, Kind.AVIF])
def test_truncated_file_never_counts_more_frames_than_the_whole_one(kind: Kind) -> None:
    data = animation(kind, 3)
    whole = FORMATS[kind].frames(data, 100)
    for length in range(len(data)):
        found = FORMATS[kind].frames(data[:length], 100)
        assert found is None if whole is None and length > 60 else (found or 1) <= 3


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (Kind.GIF, b"GIF89a\0\0\0\0\0\0\0!\xfe" + b"\1a" * 30_000_000),
        (Kind.GIF, b"GIF89a\0\0\0\0\0\0\0" + b"a" * 60_000_000),
        (Kind.WEBP, b"RIFF\0\0\0\0WEBP" + b"aaaa\0\0\0\0" * 8_000_000),
        (Kind.PNG, b"\x89PNG\r\n\x1a\n" + b"\0\0\0\0aaaa\0\0\0\0" * 5_000_000),
    ],
    ids=["blocks", "noise", "chunks", "PNG chunks"],
)
def test_millions_of_blocks_without_a_frame_are_not_walked_through(kind: Kind, data: bytes) -> None:
    assert FORMATS[kind].frames(data, 100) is None


@pytest.mark.parametrize(
    ("kind", "target", "frames_held"),
    [
        (Kind.GIF, "jpeg", 1),
        (Kind.GIF, "webp", 5),
        (Kind.GIF, "original", 5),
        (Kind.WEBP, "avif", 5),
        (Kind.PNG, "original", 5),
        (Kind.AVIF, "webp", 500),  # unknown: as many as may be
        (Kind.AVIF, "jpeg", 1),
    ],
)
def test_animation_counts_with_all_its_frames_where_the_output_is_animated(
    kind: Kind, target: str, frames_held: int
) -> None:
    data = animation(kind, 5)
    found = sniff(data, max_pixels=10_000_000)
    held = pixels_at_once(found, Content([data]), CodecOptions(format=target, max_frames=500))
    output = found.kind if target == "original" else Kind(target)
    more = weight(60 * 40, FORMATS[output].bytes_per_pixel)
    assert held == more * frames_held


def test_image_whose_header_gives_no_size_counts_as_the_largest() -> None:
    options = CodecOptions(format="jpeg", max_pixels=70_000_000)
    data = b"\xff\xd8\xff\xe0\0\x10"
    found = sniff(data, max_pixels=options.max_pixels)
    assert found.pixels is None
    assert pixels_at_once(found, Content([data]), options) == options.max_pixels
