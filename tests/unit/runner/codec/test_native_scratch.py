"""What the native codec keeps between two images: pages up to a limit, and addresses up to twice
the limit."""

from __future__ import annotations

from imagebatch_runner.codec.coefficients import Scratch

_KEPT = 1 << 20
_FULL = 0xAA


def used(scratch: Scratch, size: int) -> None:
    memory = scratch.at_least(size)
    memory[:size] = bytes([_FULL]) * size


def resident(scratch: Scratch, at_least: int) -> int:
    """How many bytes still have the value that was written; a page that was given back is zero."""
    memory = scratch.at_least(at_least)
    return memory[: len(memory)].count(_FULL)


def test_pages_up_to_the_limit_stay_for_the_next_image() -> None:
    scratch = Scratch(_KEPT)
    used(scratch, _KEPT)
    scratch.trim()
    assert resident(scratch, _KEPT) == _KEPT


def test_pages_over_the_limit_are_given_back_and_the_others_stay() -> None:
    scratch = Scratch(_KEPT)
    used(scratch, 2 * _KEPT)
    scratch.trim()
    assert resident(scratch, 2 * _KEPT) == _KEPT


def test_very_large_scratch_is_given_back_whole() -> None:
    scratch = Scratch(_KEPT)
    used(scratch, 2 * _KEPT + 1)
    scratch.trim()
    assert resident(scratch, 1) == 0
    assert len(scratch.at_least(1)) == 1


def test_release_gives_back_addresses_over_the_limit() -> None:
    scratch = Scratch(_KEPT)
    used(scratch, 2 * _KEPT)
    scratch.trim()
    scratch.release()
    assert len(scratch.at_least(1)) == 1


def test_release_keeps_scratch_below_the_limit() -> None:
    scratch = Scratch(_KEPT)
    used(scratch, _KEPT)
    scratch.release()
    assert resident(scratch, _KEPT) == _KEPT
