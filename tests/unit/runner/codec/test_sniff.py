from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable
from functools import partial
from io import BytesIO

import pytest
from PIL import Image

from imagebatch_core.formats import Kind
from imagebatch_core.results import ErrorCode
from imagebatch_runner.codec.sniff import sniff
from imagebatch_runner.failures import ImageFailed
from support import oddpictures
from support.pictures import decoded, encoded, photo

LIMIT = 100_000_000


@pytest.mark.parametrize("kind", Kind)
def test_size_is_read_from_the_header(kind: Kind) -> None:
    found = sniff(encoded(photo(size=(123, 45)), kind.value.upper()), max_pixels=LIMIT)
    assert (found.kind, found.width, found.height) == (kind, 123, 45)


@pytest.mark.parametrize(
    "options", [{"lossless": True}, {"lossless": False}, {"exif": b"Exif\0\0II*\0\x08\0\0\0\0\0"}]
)
def test_all_three_headers_of_webp_are_read(options: dict[str, object]) -> None:
    found = sniff(encoded(photo(size=(123, 45)), "WEBP", **options), max_pixels=LIMIT)
    assert (found.width, found.height) == (123, 45)


@pytest.mark.parametrize("kind", Kind)
def test_size_over_the_limit_is_refused_by_the_header_alone(kind: Kind) -> None:
    with pytest.raises(ImageFailed, match="16383x16383 pixels are over the limit") as caught:
        sniff(oddpictures.claiming(kind.value, 16383, 16383), max_pixels=LIMIT)
    assert caught.value.code is ErrorCode.TOO_MANY_PIXELS


def test_frame_beyond_the_screen_of_a_gif_makes_it_larger_as_in_decoders() -> None:
    data = oddpictures.gif_frame_beyond_its_screen(3000, 2000)
    found = sniff(data, max_pixels=LIMIT)
    with Image.open(BytesIO(data)) as image:
        assert (found.width, found.height) == image.size == (3000, 2000)
    with pytest.raises(ImageFailed) as caught:
        sniff(data, max_pixels=5_000_000)
    assert caught.value.code is ErrorCode.TOO_MANY_PIXELS


def _two_headers() -> bytes:
    data = encoded(photo(size=(900, 700)), "PNG")
    return (
        data[:8] + oddpictures.chunk(b"IHDR", struct.pack(">II5B", 1, 1, 8, 2, 0, 0, 0)) + data[8:]
    )


def _text_first() -> bytes:
    data = encoded(photo(size=(900, 700)), "PNG")
    return data[:8] + oddpictures.chunk(b"tEXt", b"\0\0\0\1\0\0\0\1") + data[8:]


def _tags_twice(times: int) -> bytes:
    """Width and height have several tags each; Pillow uses the first ones."""
    data = encoded(photo(size=(900, 700)), "TIFF")
    at = struct.unpack("<I", data[4:8])[0]
    count = struct.unpack("<H", data[at : at + 2])[0]
    entries = data[at + 2 : at + 2 + 12 * count]
    entries += b"".join(struct.pack("<HHII", tag, 4, 1, 1) for tag in (256, 257)) * times
    table = struct.pack("<H", len(entries) // 12) + entries + bytes(4)
    return data[:4] + struct.pack("<I", len(data)) + data[8:] + table


ODD: dict[str, Callable[[], bytes]] = {
    "two headers": _two_headers,
    "text first": _text_first,
    "tags twice": partial(_tags_twice, 1),
    "many tags": partial(_tags_twice, 300),
}


@pytest.mark.parametrize("how", ODD)
def test_size_is_unknown_where_the_decoder_reads_another_one(how: str) -> None:
    data = ODD[how]()
    assert decoded(data).size == (900, 700)
    assert sniff(data, max_pixels=LIMIT).pixels is None


def test_progressive_jpeg_with_metadata_first_is_read() -> None:
    data = encoded(photo(size=(50, 40)), progressive=True, comment=b"x" * 5000)
    assert sniff(data, max_pixels=LIMIT).pixels == 2000


@pytest.mark.parametrize(
    ("data", "code", "word"),
    [
        (b"", ErrorCode.EMPTY, "no content"),
        (b"<!DOCTYPE html><p>404</p>", ErrorCode.NOT_AN_IMAGE, "web page"),
        (b"\n  <HTML>", ErrorCode.NOT_AN_IMAGE, "web page"),
        (b"<svg xmlns='x'/>", ErrorCode.UNSUPPORTED_FORMAT, "SVG"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><svg/>", ErrorCode.UNSUPPORTED_FORMAT, "SVG"),
        (b"<?xml version='1.0'?><Error/>", ErrorCode.NOT_AN_IMAGE, "XML"),
        (b'{"error": 1}', ErrorCode.NOT_AN_IMAGE, "JSON"),
        (b"%PDF-1.7", ErrorCode.NOT_AN_IMAGE, "PDF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", ErrorCode.UNSUPPORTED_FORMAT, "HEIC"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp41", ErrorCode.NOT_AN_IMAGE, "video"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", ErrorCode.UNSUPPORTED_FORMAT, "JPEG XL"),
        (b"just words", ErrorCode.NOT_AN_IMAGE, "no image"),
        (b"\0", ErrorCode.NOT_AN_IMAGE, "no image"),
    ],
)
def test_refusal_names_what_the_file_is(data: bytes, code: ErrorCode, word: str) -> None:
    with pytest.raises(ImageFailed, match=word) as caught:
        sniff(data, max_pixels=LIMIT)
    assert caught.value.code is code


@pytest.mark.parametrize("kind", Kind)
def test_short_or_broken_header_raises_nothing_but_image_failed(kind: Kind) -> None:
    data = encoded(photo(size=(20, 20)), kind.value.upper())
    for length in range(min(len(data), 700)):
        broken = bytearray(data[: length + 8])
        broken[length] ^= 0xFF
        with contextlib.suppress(ImageFailed):
            sniff(bytes(broken), max_pixels=LIMIT)
