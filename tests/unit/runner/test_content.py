"""Bytes in pieces: only who needs them joined pays for that."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagebatch_runner.content import NOTHING, Content


@given(st.lists(st.binary(max_size=50)))
def test_the_pieces_make_the_whole(pieces: list[bytes]) -> None:
    content = Content(list(pieces))
    assert content.size == len(b"".join(pieces))
    assert content.whole() == b"".join(pieces)
    assert b"".join(content.pieces) == b"".join(pieces)


@given(st.lists(st.binary(min_size=1, max_size=100_000), max_size=4))
def test_the_head_is_where_the_whole_begins_and_long_enough(pieces: list[bytes]) -> None:
    content = Content(pieces)
    whole = content.whole()
    head = Content(pieces).head
    assert whole.startswith(head)
    assert len(head) >= min(len(whole), 64 << 10)


def test_a_large_first_piece_is_the_head_without_a_copy() -> None:
    first = bytes(100_000)
    assert Content([first, b"more"]).head is first


def test_content_of_one_piece_is_never_copied() -> None:
    only = b"all of it"
    assert Content([only]).whole() is only


@pytest.mark.parametrize("cut", [1, 2, 3, 10])
def test_head_is_whole_however_its_first_bytes_are_cut(cut: int) -> None:
    data = b"\xff\xd8\xff\xe0" + bytes(16)
    assert Content([data[a:b] for a, b in pairwise([0, cut, len(data)])]).head == data


def test_empty_content_has_an_empty_head() -> None:
    assert (NOTHING.size, NOTHING.head, NOTHING.whole()) == (0, b"", b"")
