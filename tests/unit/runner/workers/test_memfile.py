"""What a parent writes is what its worker sees, content after content."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagebatch_runner.workers import memfile

_MIB = 1 << 20


@pytest.fixture
def descriptor() -> Iterator[int]:
    found = memfile.create("test")
    yield found
    os.close(found)


@given(st.lists(st.lists(st.binary(max_size=5000), max_size=4), max_size=6))
def test_each_content_is_read_and_seen_as_it_was_written(contents: list[list[bytes]]) -> None:
    descriptor = memfile.create("test")
    try:
        window = memfile.Window(descriptor)
        for pieces in contents:
            whole = b"".join(pieces)
            memfile.write(descriptor, pieces)
            assert memfile.read(descriptor, len(whole)) == whole
            assert bytes(window.view(len(whole))) == whole
            memfile.empty(descriptor)
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("sizes", [(1, 9, 1), (9, 5, 9), (5, 3, 6), (3, 8, 7, 2)])
def test_the_window_follows_large_contents_whose_memory_was_given_back(
    descriptor: int, sizes: tuple[int, ...]
) -> None:
    window = memfile.Window(descriptor)
    for number, mib in enumerate(sizes, start=1):
        whole = bytes([number]) * (mib * _MIB)
        memfile.write(descriptor, [whole])
        with window.view(len(whole)) as view:
            assert view == whole
        memfile.empty(descriptor)
        assert os.fstat(descriptor).st_size <= 4 * _MIB


def test_a_view_is_the_memory_itself(descriptor: int) -> None:
    window = memfile.Window(descriptor)
    memfile.write(descriptor, [b"before"])
    view = window.view(6)
    memfile.write(descriptor, [b"behind"])
    assert bytes(view) == b"behind"
