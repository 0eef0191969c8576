"""Shared memory read as a file behaves as BytesIO with the same bytes."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagebatch_runner.codec.rawfile import reading

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.integers(-1, 60)),
        st.tuples(st.just("start"), st.integers(0, 60)),
        st.tuples(st.just("end"), st.integers(-10, 10)),
    )
)


@given(st.binary(max_size=50), STEPS)
def test_reads_and_seeks_are_as_in_bytesio(data: bytes, steps: list[tuple[str, int]]) -> None:
    plain, shared = io.BytesIO(data), reading(memoryview(bytearray(data)))
    for kind, number in steps:
        if kind == "read":
            assert shared.read(number) == plain.read(number)
        elif kind == "start":
            assert shared.seek(number) == plain.seek(number)
        elif len(data) + number >= 0:
            assert shared.seek(number, io.SEEK_END) == plain.seek(number, io.SEEK_END)
        assert shared.tell() == plain.tell()


def test_bytes_are_not_copied() -> None:
    data = b"an image"
    with reading(data) as file:
        assert file.read() is data


def test_position_before_the_beginning_is_refused() -> None:
    with pytest.raises((OSError, ValueError)):
        reading(memoryview(b"image")).seek(-1)
