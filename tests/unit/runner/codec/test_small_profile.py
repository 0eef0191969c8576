"""``profile: small`` takes fewer bytes than ``fast``, with and without the native library."""

from __future__ import annotations

from typing import BinaryIO

import pytest

from support.codecruns import difference, outcome, run
from support.jpegkinds import LARGE, PLAIN
from support.pictures import decoded, encoded, jpeg


@pytest.mark.parametrize("name", PLAIN)
def test_small_profile_takes_fewer_bytes_than_fast_for_nearly_the_same_look(
    name: str, out: BinaryIO
) -> None:
    source = PLAIN[name]
    _, usual = outcome(source, out, fast=True)
    result, small = outcome(source, out, fast=True, profile="small")
    assert result.endswith(f"{decoded(source).width}x{decoded(source).height}")
    if min(decoded(source).size) > 1:
        assert len(small) < 0.9 * len(usual)
    assert difference(small, source) <= 1.5 * difference(usual, source) + 1


def test_small_profile_without_the_native_library_is_progressive(out: BinaryIO) -> None:
    source = jpeg("hubble_deep_field.jpg")
    _, usual = outcome(source, out, fast=False)
    _, small = outcome(source, out, fast=False, profile="small")
    assert len(small) < len(usual)
    assert "progressive" in decoded(small).info


def test_small_profile_makes_a_smaller_jpeg_of_a_png_too(out: BinaryIO) -> None:
    source = encoded(LARGE, "PNG")
    _, usual = run(source, out)
    _, small = run(source, out, profile="small")
    assert len(small) < 0.9 * len(usual)
    assert decoded(small).size == LARGE.size
