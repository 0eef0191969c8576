from __future__ import annotations

import contextlib

import pytest

from imagebatch_core.results import ErrorCode
from imagebatch_runner.codec.sniff import Kind, sniff
from imagebatch_runner.failures import ImageFailed
from support.pictures import encoded, photo

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
def test_what_is_no_image_is_told_by_name(data: bytes, code: ErrorCode, word: str) -> None:
    with pytest.raises(ImageFailed, match=word) as caught:
        sniff(data, max_pixels=LIMIT)
    assert caught.value.code is code


@pytest.mark.parametrize("kind", Kind)
def test_no_header_however_short_or_broken_raises_anything_else(kind: Kind) -> None:
    data = encoded(photo(size=(20, 20)), kind.value.upper())
    for length in range(min(len(data), 700)):
        broken = bytearray(data[: length + 8])
        broken[length] ^= 0xFF
        with contextlib.suppress(ImageFailed):
            sniff(bytes(broken), max_pixels=LIMIT)
