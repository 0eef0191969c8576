"""What the native codec keeps between two images: pages up to a bound, addresses up to twice it."""

from __future__ import annotations

from imagebatch_runner.codec.coefficients import Scratch

_KEPT = 1 << 20
_FULL = 0xAA


def used(scratch: Scratch, size: int) -> None:
    memory = scratch.at_least(size)
    memory[:size] = bytes([_FULL]) * size


def resident(scratch: Scratch, at_least: int) -> int:
    """Bytes that still are what was written; a page given back is zero."""
    memory = scratch.at_least(at_least)
    return memory[: len(memory)].count(_FULL)


def test_pages_up_to_the_bound_stay_for_the_next_image() -> None:
    scratch = Scratch(_KEPT)
    used(scratch, _KEPT)
    scratch.trim()
    assert resident(scratch, _KEPT) == _KEPT


def test_pages_over_the_bound_are_given_back_and_the_others_stay() -> None:
    scratch = Scratch(_KEPT)
    used(scratch, 2 * _KEPT)
    scratch.trim()
    assert resident(scratch, 2 * _KEPT) == _KEPT


def test_a_very_large_one_is_given_back_whole() -> None:
    scratch = Scratch(_KEPT)
    used(scratch, 2 * _KEPT + 1)
    scratch.trim()
    assert resident(scratch, 1) == 0
    assert len(scratch.at_least(1)) == 1


def test_the_addresses_over_the_bound_are_left_to_others_when_they_are_asked_for() -> None:
    scratch = Scratch(_KEPT)
    used(scratch, 2 * _KEPT)
    scratch.trim()
    scratch.release()
    assert len(scratch.at_least(1)) == 1


def test_what_is_counted_as_kept_is_not_released() -> None:
    scratch = Scratch(_KEPT)
    used(scratch, _KEPT)
    scratch.release()
    assert resident(scratch, _KEPT) == _KEPT
