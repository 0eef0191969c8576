"""The scans that `profile: small` writes, of every kind, read by Pillow and by the library."""

from __future__ import annotations

from io import BytesIO
from typing import BinaryIO

import pytest
from PIL import Image

from imagebatch_runner.codec import coefficients, quantisation, segments
from imagebatch_runner.codec.quantisation import Quantisation
from support import jpegscans
from support.pictures import decoded, encoded, photo


def recoded(data: bytes, target: Quantisation | None, out: BinaryIO) -> bytes:
    """The output of the native library, with room for more bytes than ``data`` has."""
    out.seek(0)
    out.truncate()
    assert coefficients.recode(data + bytes(2 * len(data) + 2000), target, out)
    out.seek(0)
    return out.read()


def scan_kinds(data: bytes) -> list[tuple[int, int, int, int, int]]:
    """For each scan: number of components, first and last position, high and low bit."""
    found = []
    for piece in jpegscans.pieces(data):
        if piece.marker == 0xDA:
            body = piece.data[4:]
            first, last, bits = body[1 + 2 * body[0] : 4 + 2 * body[0]]
            found.append((body[0], first, last, bits >> 4, bits & 15))
    return found


def luma_steps(data: bytes) -> tuple[int, ...]:
    table = next(one for one in segments.of_jpeg(data) if one.marker == segments.DQT)
    return tuple(data[table.start + 5 : table.start + 69])


@pytest.mark.parametrize("name", ["coffee.png", "astronaut.png", "hubble_deep_field.jpg"])
@pytest.mark.parametrize("quality", [10, 50, 85, 97])
@pytest.mark.parametrize("size", [(393, 297), (64, 48), (9, 7)])
def test_pillow_reads_the_same_pixels_from_progressive_scans_as_from_a_baseline(
    name: str, quality: int, size: tuple[int, int], out: BinaryIO
) -> None:
    source = encoded(photo(name, size=size), quality=98, subsampling=2)
    small = recoded(source, quantisation.small(quality), out)
    baseline = recoded(small, None, out)
    assert scan_kinds(baseline) == [(3, 0, 63, 0, 0)]
    assert decoded(small).tobytes() == decoded(baseline).tobytes()
    assert len(small) <= len(baseline) + 8  # entropies say which is the smaller


def test_scans_of_all_kinds_are_written(out: BinaryIO) -> None:
    """Bands, refinements, gray pictures, scans of one component and of all."""
    found = set()
    for name in ("coffee.png", "hubble_deep_field.jpg", "retina.jpg"):
        for quality in (30, 60, 85, 97):
            source = encoded(photo(name), quality=99, subsampling=2)
            found |= set(scan_kinds(recoded(source, quantisation.small(quality), out)))
    assert {number for number, first, *_ in found if not first} == {1, 3}
    assert {last for _, first, last, high, _ in found if first and not high} > {2, 63}
    assert any(high for *_, high, _ in found)
    gray = encoded(photo("coffee.png").convert("L"), quality=98)
    small = recoded(gray, quantisation.small(50), out)
    assert len(scan_kinds(small)) > 1
    assert decoded(small).tobytes() == decoded(recoded(small, None, out)).tobytes()


def test_thumbnail_becomes_a_baseline_and_a_photograph_a_progressive_jpeg(out: BinaryIO) -> None:
    for size, progressive in (((24, 16), False), ((600, 400), True)):
        source = encoded(photo("coffee.png", size=size), quality=95, subsampling=2)
        small = recoded(source, quantisation.small(50), out)
        with Image.open(BytesIO(small)) as image:
            assert ("progressive" in image.info) == progressive


def test_steps_that_are_nearly_those_of_the_input_become_the_same(out: BinaryIO) -> None:
    source = encoded(photo("coffee.png"), quality=80, subsampling=2)
    own, asked = luma_steps(source), quantisation.small(65).luma
    written = luma_steps(recoded(source, quantisation.small(65), out))
    for k, (before, wish, after) in enumerate(zip(own, asked, written, strict=True)):
        nearly = 10 * wish < 17 * before if k == 0 else 2 * wish < 3 * before
        assert after == (before if nearly else wish)
    assert 8 < sum(one == other for one, other in zip(own, written, strict=True)) < 56


@pytest.mark.parametrize("quality", range(1, 81, 8))
def test_dc_steps_of_the_small_profile_are_whole_levels_of_gray(quality: int) -> None:
    target = quantisation.small(quality)
    assert target.luma[0] % 8 == target.chroma[0] % 8 == 0


def test_small_steps_grow_finer_with_quality() -> None:
    for lower in range(1, 100):
        one, better = quantisation.small(lower), quantisation.small(lower + 1)
        for steps, finer in ((one.luma, better.luma), (one.chroma, better.chroma)):
            assert all(step >= less for step, less in zip(steps, finer, strict=True))
